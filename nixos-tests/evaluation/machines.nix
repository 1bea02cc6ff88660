# The NixOS tests, in the real test framework: what their machines are made of and what their scripts say.
{ nixpkgs }:
let
  lib = import (nixpkgs + "/lib");
  pkgs = import ./flake-packages.nix {
    inherit lib;
    system = "x86_64-linux";
  };
  test =
    scenario:
    let
      inherit
        ((import (nixpkgs + "/nixos/lib") { inherit lib; }).runTest {
          imports = [
            (import ../driver/test.nix {
              inherit lib pkgs scenario;
              source = ../..;
            })
          ];
          hostPkgs = pkgs;
          node.pkgs = lib.mkForce null;
          node.pkgsReadOnly = false;
          defaults.nixpkgs.pkgs = lib.mkForce pkgs;
        })
        config
        ;
    in
    {
      inherit (config) name testScriptString;
    };
in
lib.genAttrs [
  "pr-in-flight"
  "reboot"
] test
