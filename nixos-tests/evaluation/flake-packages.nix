# A stand-in for nixpkgs as a flake, for evaluating ours: packages are names, overlays and `callPackage` work.
# A package that nixpkgs does not have must not be here either: each name was looked up there.
{ lib, system }:
let
  base = import ./packages.nix { inherit lib; };
  inherit (base) package;
  platform = lib.systems.elaborate system;
  named = name: _: package name;
  # So that a name that is not there is met, wherever in a script it stands.
  forced = text: builtins.seq (builtins.stringLength text);

  pythonNames = [
    "cryptography"
    "dulwich"
    "gidgethub"
    "githubkit"
    "graphql-core"
    "greenlet"
    "httpx"
    "hypothesis"
    "jsonschema"
    "markdown-it-py"
    "msgspec"
    "mypy"
    "pexpect"
    "prometheus-client"
    "pytest"
    "pytest-testinfra"
    "pytest-timeout"
    "pytest-xdist"
    "pytestCheckHook"
    "pyyaml"
    "qemu-qmp"
    "rich"
    "setuptools"
    "shtab"
    "starlette"
    "trustme"
    "types-greenlet"
    "types-jsonschema"
    "types-pyyaml"
    "uvicorn"
  ];
  names = [
    "bash"
    "dosfstools"
    "e2fsprogs"
    "git"
    "gnutar"
    "groff"
    "nixfmt"
    "nixfmt-tree"
    "nixos-install-tools"
    "procps"
    "qemu_kvm"
    "ruff"
    "socat"
    "util-linux"
  ];
in
lib.makeExtensible (
  self:
  removeAttrs base [ "extend" ]
  // lib.genAttrs names package
  // {
    inherit lib;
    __splicedPackages = self;
    appendOverlays = _: self;
    stdenv = base.stdenv // {
      inherit system;
      hostPlatform = platform;
      buildPlatform = platform;
    };
    path = "/nixpkgs";
    mkShell = args: package "shell" // { inherit (args) packages; };
    OVMF = package "OVMF" // {
      firmware = "/nix/store/ovmf/OVMF_CODE.fd";
      variables = "/nix/store/ovmf/OVMF_VARS.fd";
    };
    writeShellApplication = args: forced args.text (package args.name // args);
    runCommand =
      name: env: script:
      forced script (builtins.deepSeq (lib.attrNames env) (package name // { inherit env script; }));
    writeTextDir = path: text: forced text (package (baseNameOf path));
    linkFarm = named;
    closureInfo = args: package "closure-info" // args;
    nixos = _: {
      config = {
        boot.kernelParams = [ ];
        system.boot.loader = {
          kernelFile = "bzImage";
          initrdFile = "initrd";
        };
        system.build = lib.genAttrs [
          "initialRamdisk"
          "isoImage"
          "kernel"
          "toplevel"
        ] package;
      };
    };
    testers.runNixOSTest = test: package "vm-test" // { inherit test; };

    pythonPackagesExtensions = [ ];
    python3 = package "python3" // {
      pythonVersion = "3.13";
      pkgs = self.python3Packages;
      withPackages = select: package "python3-env" // { packages = select self.python3Packages; };
    };
    python3Packages = lib.fix (
      lib.extends (lib.composeManyExtensions self.pythonPackagesExtensions) (
        python:
        lib.genAttrs pythonNames package
        // {
          pyjwt = package "pyjwt" // {
            optional-dependencies.crypto = [ python.cryptography ];
          };
          python = self.python3 // {
            sitePackages = "lib/python3.13/site-packages";
          };
          callPackage =
            file: more:
            let
              function = import file;
            in
            function (builtins.intersectAttrs (lib.functionArgs function) (self // python) // more);
          buildPythonPackage = attributes: package attributes.pname // attributes // { inherit attributes; };
          toPythonApplication = lib.id;
        }
      )
    );
  }
)
