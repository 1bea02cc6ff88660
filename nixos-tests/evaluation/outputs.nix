# The flake's outputs over a stand-in for nixpkgs, as plain data: what is there, and what the packages ask for.
{ nixpkgs }:
let
  lib = import (nixpkgs + "/lib");
  flake = import ../../flake.nix;
  systems = [
    "x86_64-linux"
    "aarch64-linux"
  ];
  packagesOf = system: import ./flake-packages.nix { inherit lib system; };
  self = flake.outputs {
    inherit self;
    nixpkgs = {
      inherit lib;
      legacyPackages = lib.genAttrs systems packagesOf;
    };
  };
  perSystem = [
    "packages"
    "checks"
    "apps"
    "devShells"
    "legacyPackages"
  ];
  describe =
    package:
    let
      asked = package.attributes or { };
      namesOf = map (one: one.pname or one.name);
    in
    {
      inherit (asked)
        pname
        version
        pyproject
        sourceRoot
        ;
      inherit (asked.meta) description mainProgram;
      license = asked.meta.license.spdxId;
      buildSystem = namesOf asked.build-system;
      dependencies = namesOf asked.dependencies;
      checkInputs = namesOf asked.nativeCheckInputs;
      notTested = asked.disabledTestPaths or [ ];
    };
in
{
  outputs = lib.attrNames self;
  inherit (flake) inputs;
  names = lib.genAttrs perSystem (output: lib.mapAttrs (_: lib.attrNames) self.${output});
  packages = lib.mapAttrs (_: describe) self.packages.x86_64-linux;
  programs = lib.mapAttrs (_: app: app.program) self.apps.x86_64-linux;
  formatter = lib.mapAttrs (_: package: package.name) self.formatter;
  modules = lib.mapAttrs (_: lib.isPath) self.nixosModules;
  overlays = lib.attrNames self.overlays;
  # Every check is a package as far as it can be looked at here.
  checks = lib.mapAttrs (_: lib.mapAttrs (_: lib.isDerivation)) self.checks;
  modulesScript = self.checks.x86_64-linux.modules.script;
  proveScript =
    (import ../default.nix {
      inherit lib;
      pkgs = (packagesOf "x86_64-linux").extend self.overlays.default;
    }).prove.text;
  shell = map (package: package.name) self.devShells.x86_64-linux.default.packages;
}
