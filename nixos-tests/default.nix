# The machines. `tests` are for `nix flake check`: each scenario from a blank disk by bootproof, and two of them under
# the NixOS test driver, for whoever debugs and builds elsewhere as NixOS people do. They need KVM, never do without.
{ lib, pkgs }:
let
  scenarios = [
    "fresh-install"
    "install-failure"
    "pr-in-flight"
    "reboot"
  ];
  # The files of the scenarios, the traces that are kept beside the agent, and the texts that a
  # story puts onto a guest.
  source = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../conftest.py
      ../nixos-tests/golden
      ../pyproject.toml
      ../python/zeta-self-register
      ../vm-scenarios
    ];
  };
  python = pkgs.python3.withPackages (import ./python.nix);
  guest = import ./installer { inherit lib pkgs; };

  # QEMU's way to say which firmware there is; in a build there is no host that says it.
  firmware = pkgs.writeTextDir "qemu/firmware/50-ovmf.json" (
    builtins.toJSON {
      description = "UEFI firmware for x86_64";
      interface-types = [ "uefi" ];
      mapping = {
        device = "flash";
        executable = {
          filename = pkgs.OVMF.firmware;
          format = "raw";
        };
        nvram-template = {
          filename = pkgs.OVMF.variables;
          format = "raw";
        };
      };
      targets = [
        {
          architecture = "x86_64";
          machines = [ "pc-q35-*" ];
        }
      ];
      features = [ ];
      tags = [ ];
    }
  );

  # What both the checks and `nix run .#prove` do.
  prepare = ''
    export XDG_CONFIG_HOME=${firmware}
    export XDG_CACHE_HOME=''${XDG_CACHE_HOME:-$(mktemp -d)}
    export PYTHONDONTWRITEBYTECODE=1
  '';
  tools = [
    python
    pkgs.iproute2
    pkgs.qemu_kvm
  ];

  scenario =
    name:
    pkgs.runCommand "scenario-${name}"
      {
        nativeBuildInputs = tools;
        requiredSystemFeatures = [
          "kvm"
          "nixos-test"
        ];
      }
      ''
        export HOME=$TMPDIR CI=true
        ${prepare}
        # Emulation would take hours, and whoever asked for KVM should hear that it is broken.
        python ${./need-kvm.py}
        mkdir $out
        cd ${source}
        python -m pytest -p no:cacheprovider --basetemp=$TMPDIR/scenario \
          vm-scenarios/test_${lib.replaceStrings [ "-" ] [ "_" ] name}.py \
          --guest ${guest} --keep $TMPDIR/evidence --bootproof-json $out/report.json
        find $TMPDIR/evidence -name disks -prune -exec rm -r {} +
        cp -r $TMPDIR/evidence $out/
      '';
in
rec {
  tests =
    lib.listToAttrs (map (name: lib.nameValuePair "scenario-${name}" (scenario name)) scenarios)
    // driverTests;
  driverTests =
    lib.genAttrs
      [
        "driver-pr-in-flight"
        "driver-reboot"
      ]
      (
        name:
        pkgs.testers.runNixOSTest (
          import ./driver/test.nix {
            inherit lib pkgs source;
            scenario = lib.removePrefix "driver-" name;
          }
        )
      );

  prove =
    if pkgs.stdenv.hostPlatform.isx86_64 then
      pkgs.writeShellApplication {
        name = "prove";
        runtimeInputs = tools;
        text = ''
          ${prepare}
          # In the caller's folder: what is asked for, such as --keep DIR, is named from there.
          exec python -m pytest -q -p no:cacheprovider -c ${source}/pyproject.toml --rootdir=${source} \
            ${source}/vm-scenarios --guest ${guest} "$@"
        '';
      }
    else
      pkgs.writeShellApplication {
        name = "prove";
        text = ''
          echo "prove: bootproof's machines are x86-64 ones; build legacyPackages.aarch64-linux.machineTests" >&2
          exit 2
        '';
      };
}
