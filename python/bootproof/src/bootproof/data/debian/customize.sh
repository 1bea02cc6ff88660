# Run by mmdebstrap on the finished root file system "$1", before it is packed: as root, or as root of a user namespace.
# Leaves what the guest's folder shall hold in /guest inside of it, for mmdebstrap to carry out.
set -eu
root=$1
rm "$root/customize.sh" # this script; the shell has it open
in_root() { chroot "$root" "$@"; }
version=$(ls "$root/usr/lib/modules")
modules=$root/usr/lib/modules/$version

# Every file is written to a disk at each installation, and read by an emulated processor at each boot: no hardware
# database (names of PCI devices), no character sets but those of C and UTF-8, no caches, no package manager's spare copies.
rm -rf "$root"/usr/lib/udev/hwdb.* "$root"/usr/lib/x86_64-linux-gnu/gconv "$root"/boot/* "$root"/var/cache/* \
    "$root"/var/lib/apt/lists/* "$root"/var/lib/dpkg/*-old "$root"/usr/share/zsh "$root"/usr/share/bash-completion \
    "$root"/usr/lib/python3*/test "$root"/usr/lib/python3*/pydoc_data "$root"/usr/lib/python3*/ensurepip \
    "$root"/vmlinuz* "$root"/initrd.img* "$root"/var/log/*

# Kernel modules: those named in $GUEST_MODULES and what they need, unpacked, since xz is slow to unpack without KVM.
for module in $GUEST_MODULES; do
    in_root modprobe -S "$version" --show-depends "$module" | sed -n 's/^insmod \([^ ]*\).*/\1/p'
done | sort -u >"$root/kept"
mkdir "$modules/kept"
while read -r file; do
    name=$(basename "$file" .xz)
    in_root busybox unxz -c "$file" >"$modules/kept/$name"
done <"$root/kept"
rm -rf "$modules/kernel" "$root/kept"
mv "$modules/kept" "$modules/kernel"
in_root depmod "$version"

# Units that a machine without a screen, a TPM and a package manager does not need; each one costs time at each boot.
for unit in $GUEST_MASKED_UNITS; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
in_root systemctl --quiet enable systemd-networkd.service systemd-networkd-wait-online.service
chmod 755 "$root/usr/sbin/installer" # a wheel may have lost it
: >"$root/etc/machine-id" # empty: each system that is installed makes up its own at its first boot
rm -f "$root/etc/hostname" "$root/etc/resolv.conf"
printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
: >"$root/etc/fstab"
touch "$root/etc/.updated" "$root/var/.updated" # nothing that systemd would have to bring up to date at a first boot

# The kernel and its initial RAM disk, also kept in the system for the installer to put on the EFI partition.
boot=$root/usr/lib/boot-files
initrd=$root/initrd
mkdir -p "$boot" "$initrd/bin" "$initrd/dev" "$initrd/proc" "$initrd/root" "$initrd/run"
mv "$root/init-of-initrd" "$initrd/init"
cp "$root/usr/bin/busybox" "$initrd/bin/"
cp "$modules/kernel/virtio_blk.ko" "$modules/kernel/overlay.ko" "$initrd/"
chmod 755 "$initrd/init"
in_root sh -c 'cd /initrd && find . | busybox cpio -o -H newc' >"$boot/initrd"
rm -rf "$initrd"
echo "$GUEST_KERNEL_OPTIONS" >"$boot/kernel-options"
cp "$root/kernel-image" "$boot/vmlinuz"
rm "$root/kernel-image"

# A bind mount, because the root's own /proc and /sys are mounted below it and must stay out of the image.
work=$(mktemp -d)
mkdir "$work/tree"
mount --bind "$root" "$work/tree"
# Hardly larger than its content: the installer copies this file system as a whole and then lets it grow. In whole 4 MiB,
# for the copy; with a checksum seed, so that a copy can have another UUID without writing every block again.
megabytes=$(du -sm --apparent-size -x "$work/tree" | cut -f1)
mke2fs -q -t ext4 -T default -b 4096 -L "$GUEST_LABEL" -m 0 -J size=16 -O metadata_csum,metadata_csum_seed \
    -d "$work/tree" "$work/system.img" $(((megabytes * 112 / 100 + 40) / 4 * 4))M
umount "$work/tree"
mkdir "$root/guest"
cp "$work/system.img" "$boot/vmlinuz" "$boot/initrd" "$root/guest/"
in_root dpkg-query -W >"$root/guest/packages.txt"
rm -r "$work"
