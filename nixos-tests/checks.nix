# The checks that boot no machine: what a node's closure holds, linters, the exploration, all tests, the modules.
{ lib, pkgs }:
let
  python = pkgs.python3.withPackages (import ./python.nix);
  source = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../.ci
      ../.github
      ../README.md
      ../conftest.py
      ../flake.lock
      ../flake.nix
      ../nixos-tests
      ../prove
      ../pyproject.toml
      ../python
      ../test
      ../vm-scenarios
    ];
  };
  inSource =
    name: tools: script:
    pkgs.runCommand name { nativeBuildInputs = [ python ] ++ tools; } ''
      cp -r ${source} source
      chmod -R u+w source
      cd source
      patchShebangs prove test python
      export CI=true HOME=$TMPDIR
      ${script}
      touch $out
    '';
in
{
  # Nothing of the harness, no compiler, no Git: each name that a node gets with the agent is listed.
  closure =
    pkgs.runCommand "closure"
      {
        info = pkgs.closureInfo { rootPaths = [ pkgs.zeta-self-register ]; };
        nativeBuildInputs = [ pkgs.python3 ];
      }
      ''
        python3 ${./closure.py} ${./closure-names} $info/store-paths $info/total-nar-size | tee $out
      '';

  linters =
    inSource "linters"
      [
        pkgs.findutils
        pkgs.nixfmt
        pkgs.ruff
      ]
      ''
        ruff check .
        ruff format --check .
        # nixpkgs has no stubs for pexpect
        mypy="mypy --no-error-summary --disable-error-code=import-untyped --allow-subclassing-any"
        $mypy python/*/src
        MYPYPATH=nixos-tests/driver/src $mypy nixos-tests/driver/src
        find . -name '*.nix' -exec nixfmt --check {} +
      '';

  exploration = inSource "exploration" [ ] ''
    bootproof explore
  '';

  # Those that register the machine that they run on want a network card, and those that prepare Debian a network.
  tests =
    inSource "tests"
      [
        pkgs.git
        pkgs.groff
        pkgs.iproute2
        pkgs.procps
        pkgs.util-linux
      ]
      ''
        python -m pytest -q -n $NIX_BUILD_CORES --dist worksteal -m "not machine" python \
          --ignore=python/zeta-self-register/tests/test_commands.py \
          --ignore=python/zeta-self-register/tests/test_program.py \
          --ignore=python/bootproof/tests/test_debian.py \
          --ignore=python/bootproof/tests/test_prove.py
      '';

  modules =
    inSource "modules"
      [
        pkgs.nix
        pkgs.systemd
      ]
      ''
        export NIXPKGS=${pkgs.path}
        python -m pytest -q nixos-tests
      '';
}
