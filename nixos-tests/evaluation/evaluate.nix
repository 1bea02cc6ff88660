# Every row of the table, put into the real NixOS module system; what comes of it as plain data. `nixpkgs` is a folder
# with lib/ and nixos/.
{ nixpkgs }:
let
  lib = import (nixpkgs + "/lib");
  pkgs = import ./packages.nix { inherit lib; };
  ours = [
    ../../python/zeta-self-register/module.nix
    ../../python/mock-github/module.nix
  ];
  table = import ./table.nix { inherit lib; };
  units = [
    "zeta-self-register.service"
    "zeta-self-register.timer"
    "zeta-register-steward.service"
    "zeta-register-steward.timer"
    "zeta-register-follow.timer"
    "zeta-self-register-ci.service"
    "mock-github.service"
  ];
  evaluated =
    module:
    import (nixpkgs + "/nixos/lib/eval-config.nix") {
      inherit lib pkgs;
      system = null;
      modules = ours ++ [
        {
          nixpkgs.hostPlatform = "x86_64-linux";
          system.stateVersion = "25.05";
          zeta.selfRegister.package = pkgs.package "zeta-self-register";
          services.mock-github.package = pkgs.package "mock-github";
        }
        module
      ];
    };
  # What our own files say, and not what fifteen hundred other modules want of a whole system: each module is asked
  # once more, with the configuration that all of them came to.
  said =
    { config, options, ... }:
    let
      arguments = {
        inherit
          config
          options
          lib
          pkgs
          ;
      };
      asked = map (module: import module arguments) ours;
      imported = map (module: module arguments) (
        lib.filter lib.isFunction (lib.concatMap (module: module.imports or [ ]) asked)
      );
      content =
        module:
        let
          said = module.config or { };
        in
        if said._type or "" == "if" then lib.optionalAttrs said.condition said.content else said;
    in
    key: lib.concatMap (module: (content module).${key} or [ ]) (asked ++ imported);

  row =
    module:
    let
      system = evaluated module;
      inherit (system) config options;
      present = lib.filter (name: config.systemd.units ? ${name}) units;
    in
    {
      units = lib.genAttrs present (name: config.systemd.units.${name}.text);
      masked = lib.filter (name: !config.systemd.units.${name}.enable) present;
      wantedBy = lib.genAttrs present (name: config.systemd.units.${name}.wantedBy);
      settings = config.zeta.selfRegister.settings;
      failed = map (one: one.message) (lib.filter (one: !one.assertion) (said system "assertions"));
      warnings = said system "warnings";
      persisted = config.environment.persistence or null;
      groupIsMade = config.users.groups ? zeta-self-register;
      user = lib.mapNullable (user: {
        inherit (user) group isSystemUser;
      }) (config.users.users.zeta-self-register or null);
    };
in
{
  rows = lib.mapAttrs (_: row) table.rows;
  # For the options page.
  options =
    map
      (option: {
        inherit (option) name description type;
        default = option.default.text or null;
        example = option.example.text or null;
      })
      (
        lib.filter (option: option.visible && !option.internal) (
          lib.optionAttrSetToDocList {
            inherit ((evaluated { }).options) zeta;
            services = { inherit ((evaluated { }).options.services) mock-github; };
          }
        )
      );
  # What the types refuse ends the evaluation with an error.
  refused = lib.mapAttrs (
    _: module:
    let
      evaluated = row module;
    in
    !(builtins.tryEval (builtins.deepSeq evaluated evaluated)).success
  ) table.refused;
}
