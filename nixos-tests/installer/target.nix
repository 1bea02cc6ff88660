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
    ../../python/zeta-self-register/module.nix
    ../credentials.nix
  ];

  boot.kernelParams = [ "console=ttyS0" ];
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
  networking.hostName = "";
  networking.useNetworkd = true;
  networking.firewall.enable = false;
  # There is no DNS; the address is MOCK_ADDRESS of vm-scenarios/stage.py.
  networking.hosts."10.0.2.100" = [
    "api.github.test"
    "github.test"
  ];
  services.journald.storage = "persistent";

  zeta.selfRegister = {
    enable = true;
    package = pkgs.zeta-self-register;
    apiUrl = "https://api.github.test";
    caFile = "/etc/zeta-self-register/mock-ca.pem";
    settings.repository = "acme/cluster";
  };
  # A file and no link, since a scenario adds to it.
  environment.etc."zeta-self-register/settings.toml".mode = "0644";

  # What the scenarios do to every guest, and NixOS has done itself: users are made at activation, code is compiled.
  environment.systemPackages = [
    pkgs.procps
    pkgs.python3
    (lib.hiPrio (pkgs.writeShellScriptBin "systemd-sysusers" "exit 0"))
  ];

  documentation.enable = false;
  system.stateVersion = "26.05";
}
