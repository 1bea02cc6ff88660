# The machines of the NixOS tests, in the real test framework and module system: what they are made of, and what their
# scripts say.
{ nixpkgs }:
let
  lib = import (nixpkgs + "/lib");
  pkgs = import ./flake-packages.nix {
    inherit lib;
    system = "x86_64-linux";
  };
  withOurs = pkgs.extend (_: _: { zeta-self-register = pkgs.package "zeta-self-register"; });
  units = config: names: lib.genAttrs names (name: config.systemd.units.${name}.text);

  driven =
    scenario:
    let
      inherit
        ((import (nixpkgs + "/nixos/lib") { inherit lib; }).runTest {
          imports = [
            (import ../driver/test.nix {
              inherit lib scenario;
              pkgs = withOurs;
              source = "/source";
            })
          ];
          hostPkgs = pkgs;
          node.pkgs = lib.mkForce null;
          node.pkgsReadOnly = false;
          defaults.nixpkgs.pkgs = lib.mkForce withOurs;
        })
        config
        ;
    in
    {
      inherit (config) name testScriptString;
      nodes = lib.attrNames config.nodes;
      settings = config.nodes.machine.zeta.selfRegister.settings;
      hosts = config.nodes.machine.networking.hosts;
      relay = config.nodes.github.systemd.services.relay.serviceConfig.ExecStart;
      ports = config.nodes.github.networking.firewall.allowedTCPPorts;
      units = units config.nodes.machine [
        "zeta-creds-restore.service"
        "zeta-register-steward.timer"
        "zeta-self-register.timer"
      ];
    };
  system =
    module:
    (import (nixpkgs + "/nixos/lib/eval-config.nix") {
      inherit lib;
      pkgs = withOurs;
      system = null;
      modules = [
        module
        { nixpkgs.hostPlatform = "x86_64-linux"; }
      ];
    }).config;
  target = system ../installer/target.nix;
  stick = system {
    imports = [ ../installer/iso.nix ];
    _module.args.target = pkgs.package "target";
  };
in
{
  driven = lib.genAttrs [
    "pr-in-flight"
    "reboot"
  ] driven;
  target = {
    settings = target.zeta.selfRegister.settings;
    hosts = target.networking.hosts;
    hostname = target.networking.hostName;
    variant = target.system.nixos.variant_id;
    disks = lib.mapAttrs (_: disk: disk.device) {
      inherit (target.fileSystems) "/" "/boot";
    };
    loader = target.boot.loader.systemd-boot.enable;
    console = lib.elem "console=ttyS0" target.boot.kernelParams;
    units = units target [ "zeta-creds-restore.service" ];
  };
  stick = {
    variant = stick.system.nixos.variant_id;
    console = lib.elem "console=ttyS0" stick.boot.kernelParams;
    root = lib.filter (lib.hasPrefix "root=") stick.boot.kernelParams;
    substituters = stick.nix.settings.substituters;
    registers = stick ? zeta;
    installer = stick.systemd.services.installer.wantedBy;
    units = units stick [ "installer.service" ];
  };
}
