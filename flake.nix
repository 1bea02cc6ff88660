{
  description = "Registers a NixOS node in its cluster by exactly one pull request, and proves it";

  # What the cluster itself runs.
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      names = [
        "zeta-self-register"
        "mock-github"
        "bootproof"
      ];
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      forEachSystem =
        make:
        lib.genAttrs systems (system: make (nixpkgs.legacyPackages.${system}.extend self.overlays.default));
      program = description: package: {
        type = "app";
        program = lib.getExe package;
        meta = { inherit description; };
      };
      machineTests = pkgs: import ./nixos-tests { inherit lib pkgs; };
    in
    {
      overlays.default =
        final: prev:
        {
          pythonPackagesExtensions = prev.pythonPackagesExtensions ++ [
            (python: _: lib.genAttrs names (name: python.callPackage (./python + "/${name}/package.nix") { }))
          ];
        }
        // lib.genAttrs names (
          name: final.python3Packages.toPythonApplication final.python3Packages.${name}
        );

      packages = forEachSystem (pkgs: lib.getAttrs names pkgs // { default = pkgs.zeta-self-register; });

      nixosModules = {
        default = self.nixosModules.zeta-self-register;
        zeta-self-register = ./python/zeta-self-register/module.nix;
        mock-github = ./python/mock-github/module.nix;
      };

      checks = forEachSystem (
        pkgs:
        lib.getAttrs names pkgs
        // import ./nixos-tests/checks.nix { inherit lib pkgs; }
        // lib.optionalAttrs pkgs.stdenv.hostPlatform.isx86_64 (machineTests pkgs).tests
      );
      # Where machines are too slow, or the harness knows their hardware too little, to be asked of everybody.
      legacyPackages = forEachSystem (
        pkgs:
        lib.optionalAttrs pkgs.stdenv.hostPlatform.isAarch64 {
          machineTests = (machineTests pkgs).driverTests;
        }
      );

      apps = forEachSystem (pkgs: {
        default = program "Registers this node" pkgs.zeta-self-register;
        mock-github = program "A GitHub to test against" pkgs.mock-github;
        prove = program "Boots NixOS machines and judges what becomes of them" (machineTests pkgs).prove;
      });

      devShells = forEachSystem (pkgs: {
        default = pkgs.mkShell {
          packages = [
            (pkgs.python3.withPackages (import ./nixos-tests/python.nix))
            pkgs.iproute2
            pkgs.nixfmt
            pkgs.qemu_kvm
            pkgs.ruff
          ];
          # Our packages are worked on where they lie.
          shellHook = ''
            export PYTHONPATH=$PWD/python/zeta-self-register/src:$PWD/python/mock-github/src:$PWD/python/bootproof/src
          '';
        };
      });

      formatter = forEachSystem (pkgs: pkgs.nixfmt-tree);
    };
}
