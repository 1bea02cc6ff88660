# The README's flake, as it is, over this one and a stand-in for nixpkgs: what becomes of its node.
{ nixpkgs, flake }:
let
  lib = import (nixpkgs + "/lib");
  pkgs = import ./flake-packages.nix {
    inherit lib;
    system = "x86_64-linux";
  };
  inputs = {
    nixpkgs.lib = lib // {
      nixosSystem =
        arguments:
        import (nixpkgs + "/nixos/lib/eval-config.nix") (
          arguments
          // {
            inherit lib pkgs;
            system = null;
          }
        );
    };
    registered-once = (import ../../flake.nix).outputs {
      self = inputs.registered-once;
      inherit (inputs) nixpkgs;
    };
  };
  inherit (flake.outputs ({ self = { }; } // inputs)) nixosConfigurations;
  inherit (nixosConfigurations.node-a) config;
in
{
  inputs = lib.mapAttrs (_: input: input.url) flake.inputs;
  hosts = lib.attrNames nixosConfigurations;
  inherit (config.zeta.selfRegister) settings;
  package = config.zeta.selfRegister.package.pname;
  timer = config.systemd.timers.zeta-self-register.wantedBy;
  # Without these two NixOS builds no system.
  root = config.fileSystems."/".device or null;
  bootloader = config.boot.loader.systemd-boot.enable;
}
