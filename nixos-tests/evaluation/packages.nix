# A stand-in for nixpkgs' packages, for evaluation alone: every package is a name with a store path that does not exist.
# `lib` and the modules are real. It needs nothing but a tree with lib/ and nixos/, and is evaluated in a moment.
{ lib }:
let
  platform = lib.systems.elaborate "x86_64-linux";
  package =
    name:
    let
      self = {
        type = "derivation";
        inherit name;
        pname = name;
        version = "0";
        system = "x86_64-linux";
        outPath = "/nix/store/${builtins.substring 0 32 (builtins.hashString "sha256" name)}-${name}";
        drvPath = "/nix/store/${name}.drv";
        outputName = "out";
        outputs = [ "out" ];
        out = self;
        meta.mainProgram = name;
        override = _: self;
        overrideAttrs = _: self;
        passthru = { };
      };
    in
    self;
  named = name: _: package name;

  # Of the type that pkgs.formats.toml has: no null.
  tomlValue =
    let
      inherit (lib) types;
    in
    types.oneOf [
      types.bool
      types.int
      types.float
      types.str
      types.path
      (types.attrsOf tomlValue)
      (types.listOf tomlValue)
    ]
    // {
      description = "TOML value";
    };

  format = type: {
    inherit type;
    generate = named;
    lib = { };
  };
  formatNames = [
    "elixirConf"
    "gitIni"
    "hocon"
    "ini"
    "iniWithGlobalSection"
    "javaProperties"
    "json"
    "keyValue"
    "libconfig"
    "lua"
    "nixConf"
    "php"
    "pythonVars"
    "systemd"
    "xml"
    "yaml"
    "yaml_1_1"
  ];

  # What NixOS names for every system, whatever is asked of it.
  names = [
    "nix"
    "glibcLocales"
    "tzdata"
    "coreutils"
    "findutils"
    "gnugrep"
    "gnused"
    "iproute2"
    "kexec-tools"
  ];
  self = lib.genAttrs names package // {
    inherit lib;
    _type = "pkgs";
    __splicedPackages = self;
    path = throw "the stand-in has no tree";
    appendOverlays = _: self;
    extend = _: self;
    config = { };
    overlays = [ ];
    hostPlatform = platform;
    buildPlatform = platform;
    stdenv = package "stdenv" // {
      hostPlatform = platform;
      buildPlatform = platform;
      targetPlatform = platform;
      shellDryRun = "bash -n";
    };
    formats = lib.genAttrs formatNames (_: _: format lib.types.anything) // {
      toml = _: format (lib.types.attrsOf tomlValue);
    };
    runCommand =
      name: _: _:
      package name;
    runCommandLocal = self.runCommand;
    writeShellScript = named;
    writeShellScriptBin = named;
    writeText = named;
    systemd = package "systemd" // {
      interfaceVersion = 2;
      util-linux = package "util-linux";
      kmod = package "kmod";
      withTpm2Units = false;
      withBootloader = true;
    };
    inherit package;
  };
in
self
