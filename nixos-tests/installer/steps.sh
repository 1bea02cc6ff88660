# shellcheck shell=sh disable=SC2034,SC2154
# What the reference installer does otherwise when it installs NixOS; read by it before its first step.

mkdir -p "$TARGET"

# What the system mounts is in its configuration, and so is what it is called: nothing, until the intent is written.
configure() { mkdir -p "$TARGET/etc"; }
set_hostname() { :; }

# Three tries, as in the cluster: with a cache that does not answer, another one can help.
install_system() {
    for attempt in 1 2 3; do
        nixos-install --root "$TARGET" --system "$SYSTEM" --no-root-passwd --no-channel-copy && break
        [ "$attempt" != 3 ] || fail "nixos-install, three times"
    done
    for archive in "$SETTINGS"/payload/*.tar; do
        [ ! -e "$archive" ] || tar -C "$TARGET" -xp --numeric-owner --keep-directory-symlink -f "$archive" ||
            fail "unpacking $archive"
    done
}

inside() {
    nixos-enter --root "$TARGET" --silent -c 'PATH=/nix/var/nix/profiles/system/sw/bin exec sh -eu -s' <"$1"
}
