# The machines of the NixOS tests, in the real test framework and module system: what they are made of, and what their
# scripts say.
{ nixpkgs }:
let
  lib = import (nixpkgs + "/lib");
  packagesOf = system: import ./flake-packages.nix { inherit lib system; };
  pkgs = packagesOf "x86_64-linux";
  ours = pkgs: pkgs.extend (_: _: { zeta-self-register = pkgs.package "zeta-self-register"; });
  withOurs = ours pkgs;
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
        "zeta-register-follow.timer"
        "zeta-register-steward.timer"
        "zeta-self-register.timer"
      ];
    };
  system =
    name: module:
    (import (nixpkgs + "/nixos/lib/eval-config.nix") {
      inherit lib;
      pkgs = ours (packagesOf name);
      system = null;
      modules = [
        module
        { nixpkgs.hostPlatform = name; }
      ];
    }).config;
  targetOn = name: system name ../installer/target.nix;
  stickOn =
    name:
    system name {
      imports = [ ../installer/iso.nix ];
      _module.args.target = pkgs.package "target";
    };
  target = targetOn "x86_64-linux";
  stick = stickOn "x86_64-linux";
in
{
  consoles =
    lib.genAttrs
      [
        "aarch64-linux"
        "x86_64-linux"
      ]
      (
        name:
        map (config: lib.filter (lib.hasPrefix "console=") config.boot.kernelParams) [
          (targetOn name)
          (stickOn name)
        ]
      );
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
    units = units target [ "zeta-creds-restore.service" ];
  };
  stick = {
    variant = stick.system.nixos.variant_id;
    root = lib.filter (lib.hasPrefix "root=") stick.boot.kernelParams;
    substituters = stick.nix.settings.substituters;
    registers = stick ? zeta;
    installer = stick.systemd.services.installer.wantedBy;
    units = units stick [ "installer.service" ];
  };
}
