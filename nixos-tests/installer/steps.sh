# shellcheck shell=sh disable=SC2034,SC2154
# What the reference installer does otherwise when it installs NixOS; read by it before its first step.

mkdir -p "$TARGET"

# What the system mounts is in its configuration, and so is what it is called: nothing, until the intent is written.
configure() { mkdir -p "$TARGET/etc"; }
set_hostname() { :; }

# Three tries, as in the cluster, where caches time out. What an earlier one has brought stays: nixos-install goes on from
# there.
install_system() {
    try=1
    until (copy_system); do
        [ $try -lt 3 ] || fail "in $try tries"
        try=$((try + 1))
        say "step $number $name: try $try"
    done
    for archive in "$SETTINGS"/payload/*.tar; do
        [ ! -e "$archive" ] || tar -C "$TARGET" -xp --numeric-owner --keep-directory-symlink -f "$archive" ||
            fail "unpacking $archive"
    done
}

# The system, and then with it the bootloader: between the two a try can be made to fail.
copy_system() {
    with_nixos_install --no-bootloader || fail "nixos-install"
    if [ -e "$SETTINGS/try/$name" ]; then TRY=$try sh -eu "$SETTINGS/try/$name" || fail "the script of try $try"; fi
    with_nixos_install || fail "bootloader"
}

with_nixos_install() {
    nixos-install --root "$TARGET" --system "$SYSTEM" --no-root-passwd --no-channel-copy "$@"
}

inside() {
    nixos-enter --root "$TARGET" --silent -c 'PATH=/nix/var/nix/profiles/system/sw/bin exec sh -eu -s' <"$1"
}
