# The stick: NixOS from an ISO, with the system to be installed in its store and no way to get anything else.
{
  lib,
  modulesPath,
  pkgs,
  target,
  ...
}:
let
  # The installer of the other guests, step by step; only what is different on NixOS is said again.
  installer = pkgs.writeShellScript "installer" (
    lib.replaceStrings
      [
        "OPTIONS=$(cat /usr/lib/boot-files/kernel-options)\n"
        "\nstep 1 enumerate enumerate_disks\n"
      ]
      [
        ""
        "\nSYSTEM=${target}\n. ${./steps.sh}\nstep 1 enumerate enumerate_disks\n"
      ]
      (lib.readFile ../../python/bootproof/src/bootproof/data/debian/tree/usr/sbin/installer)
  );
in
{
  imports = [
    "${modulesPath}/installer/cd-dvd/iso-image.nix"
    ./console.nix
  ];

  system.nixos.variant_id = lib.mkForce "installer";
  boot.initrd.availableKernelModules = [
    "virtio_blk"
    "virtio_pci"
  ];
  isoImage.storeContents = [ target ];
  isoImage.squashfsCompression = "zstd -Xcompression-level 1";
  nix.settings.substituters = lib.mkForce [ ];

  systemd.services.installer = {
    description = "Install the system onto a disk";
    restartIfChanged = false;
    path = [
      pkgs.bash
      pkgs.dosfstools
      pkgs.e2fsprogs
      pkgs.gnutar
      pkgs.nix
      pkgs.nixos-install-tools
      pkgs.util-linux
    ];
    serviceConfig = {
      Type = "oneshot";
      ExecStart = installer;
      StandardOutput = "journal+console";
      StandardError = "journal+console";
      TimeoutStartSec = "infinity";
    };
  };

  networking.firewall.enable = false;
  documentation.enable = false;
  system.stateVersion = "26.05";
}
