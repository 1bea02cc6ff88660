# What is installed: a node of the cluster. It gets its name from the installer, which writes /etc/hostname.
{
  lib,
  modulesPath,
  pkgs,
  ...
}:
{
  imports = [
    "${modulesPath}/profiles/qemu-guest.nix"
    ../node.nix
    ./console.nix
  ];

  boot.loader.systemd-boot.enable = true;
  boot.loader.timeout = 0;
  fileSystems = {
    "/" = {
      device = "/dev/disk/by-label/nixos";
      fsType = "ext4";
    };
    "/boot" = {
      device = "/dev/disk/by-label/boot";
      fsType = "vfat";
      options = [ "umask=0077" ];
    };
  };
  networking.useNetworkd = true;
  networking.firewall.enable = false;

  zeta.selfRegister.package = pkgs.zeta-self-register;

  # What the scenarios do to every guest, and NixOS has done itself: users are made at activation, code is compiled.
  environment.systemPackages = [
    pkgs.procps
    pkgs.python3
    (lib.hiPrio (pkgs.writeShellScriptBin "systemd-sysusers" "exit 0"))
  ];

  documentation.enable = false;
  system.stateVersion = "26.05";
}
