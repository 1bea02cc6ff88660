# NixOS: `zeta.selfRegister`. The units are the package's own (`systemd.packages`); here stands only what NixOS has to
# add to them, which it puts into a drop-in beside each.
{
  config,
  lib,
  options,
  pkgs,
  ...
}:
let
  cfg = config.zeta.selfRegister;
  opt = options.zeta.selfRegister;
  name = "zeta-self-register";
  shipped = {
    home = "/home/zeta";
    reconcileInterval = "6h";
    reconcileJitter = "10min";
  };

  toml = pkgs.formats.toml { };
  # An option's value as a setting, with the option's own priority: what somebody says in `settings`
  # goes before an option's default, and says the same as an option that is set, or is a conflict.
  said = option: written: lib.mkIf (option.value != null) (lib.mkDerivedConfig option written);
  same = option: said option lib.id;
  # What came of both; a TOML file has no null.
  settings = lib.filterAttrs (_: value: value != null) cfg.settings;
  written = toml.generate "settings.toml" settings;
  # The agent refuses at build time what it would refuse on the node, in the same words.
  checked = pkgs.runCommand "${name}-settings.toml" { preferLocalBuild = true; } ''
    ${lib.getExe cfg.package} --settings ${written} check-settings
    cp ${written} $out
  '';
  canCheck = pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform;
  file = if canCheck then checked else written;

  # A later LoadCredential= of the same name takes the place of the shipped one.
  credentials =
    lib.optional (settings ? token_file) "github-token:${toString settings.token_file}"
    ++ lib.optional (settings.home != shipped.home) "gh-hosts:${settings.home}/.config/gh/hosts.yml"
    ++ lib.optional (settings ? app_key_file) "github-app-key:${toString settings.app_key_file}";

  service = {
    # The kernel is asked for addresses and routes by `ip`.
    path = [ pkgs.iproute2 ];
    environment = config.networking.proxy.envVars // {
      SSL_CERT_FILE = "/etc/ssl/certs/ca-certificates.crt"; # made by security.pki
    };
    # A switch would wait for a tick that it began anew; the next tick has the new settings anyway.
    restartIfChanged = false;
    serviceConfig = lib.mkMerge [
      (lib.mkIf (cfg.user != name) { User = cfg.user; })
      # Without a group systemd takes the user's own one.
      (lib.mkIf (cfg.user != name || cfg.group != name) { Group = cfg.group; })
      (lib.mkIf (credentials != [ ]) { LoadCredential = credentials; })
    ];
  };

  # From what the units see.
  hidden = [
    "/home/"
    "/root/"
    "/run/user/"
  ];

  # A path without quotes would be copied to the store.
  inStore = path: lib.isPath path || lib.hasPrefix builtins.storeDir (toString path);
  exposed = lib.filter (key: settings ? ${key} && inStore settings.${key}) [
    "token_file"
    "app_key_file"
  ];
in
{
  imports = [
    ./options.nix
    (lib.mkRemovedOptionModule [ "zeta" "selfRegister" "intentDir" ] ''
      What the machine is to become is said by the installer (`zeta-self-register intent`), or by
      zeta.selfRegister.nodeName and zeta.selfRegister.operator.'')
  ];

  config = lib.mkIf cfg.enable {
    zeta.selfRegister.settings = {
      home = same opt.home;
      operator = same opt.operator;
      node_name = same opt.nodeName;
      mode = said opt.dryRun (dry: if dry then "dry-run" else "live");
      api_url = same opt.apiUrl;
      ca_file = said opt.caFile (file: "${file}");
      token_file = same opt.tokenFile;
      app_id = same opt.githubApp.id;
      app_installation_id = same opt.githubApp.installationId;
      app_key_file = same opt.githubApp.keyFile;
      require_install_stamp = lib.mkDerivedConfig opt.installStamp (stamp: stamp != null);
      install_stamp = same opt.installStamp;
      old_marker = same opt.markerPath;
      min_pr_interval_seconds = same opt.minPrIntervalSec;
    };

    environment.etc."${name}/settings.toml".source = file;
    environment.systemPackages = [ cfg.package ];
    users.users.${name} = lib.mkIf (cfg.user == name) {
      isSystemUser = true;
      inherit (cfg) group;
      description = "Registers this node";
    };
    users.groups.${name} = lib.mkIf (cfg.group == name) { };

    systemd.packages = [ cfg.package ];
    systemd.services.${name} = service;
    # The shipped unit hands over to the steward, which no drop-in can take back; without it, it is masked.
    systemd.services.zeta-register-steward = service // {
      inherit (cfg.steward) enable;
    };
    systemd.services."${name}-ci" = lib.mkIf cfg.ci.enable (
      service // { wantedBy = [ "multi-user.target" ]; }
    );
    # [Install] of a package's unit is not looked at.
    systemd.timers.${name} = {
      wantedBy = [ "timers.target" ];
      timerConfig = lib.mkIf (!cfg.steward.enable) { OnUnitInactiveSec = "30min"; };
    };
    systemd.timers.zeta-register-follow = {
      inherit (cfg.steward) enable;
      wantedBy = [ "timers.target" ];
      # It begins anew with other settings: what was in the way may be mended by them.
      restartTriggers = [ file ];
    };
    systemd.timers.zeta-register-steward = {
      inherit (cfg.steward) enable;
      wantedBy = [ "timers.target" ];
      timerConfig = lib.mkMerge [
        # An empty value of one of these takes all of them back, so all stand here again.
        (lib.mkIf (cfg.reconcileInterval != shipped.reconcileInterval) {
          OnActiveSec = [
            ""
            "2min"
          ];
          OnUnitInactiveSec = cfg.reconcileInterval;
        })
        (lib.mkIf (cfg.reconcileJitter != shipped.reconcileJitter) {
          RandomizedDelaySec = cfg.reconcileJitter;
        })
      ];
    };

    warnings =
      map
        (old: ''
          zeta.selfRegister.${old} has no effect any more: the agent is zeta.selfRegister.package, and it asks
          GitHub itself. Remove the setting.'')
        (
          lib.filter (old: cfg.${old} != null) [
            "repoRoot"
            "scriptPath"
          ]
        )
      ++ lib.optional (lib.any (home: lib.hasPrefix home settings.old_marker) hidden) ''
        zeta.selfRegister.markerPath is "${settings.old_marker}", which the units cannot see
        (ProtectHome=), so that the old marker is not read. Move it to ${opt.markerPath.default} and
        remove the setting; or only remove it: GitHub is asked anyway.'';

    assertions = [
      {
        assertion = config.system.nixos.variant_id != "installer";
        message = ''
          zeta.selfRegister.enable is set on an installer image, which must never register itself.
          Set zeta.selfRegister.enable = false there, and enable it in the system that is installed.'';
      }
      {
        assertion =
          settings ? node_name
          || !(lib.elem config.networking.hostName [
            "localhost"
            "nixos"
            "nixos-installer"
          ]);
        message = ''
          zeta.selfRegister: the hostname "${config.networking.hostName}" is one that every machine has by default, so
          that two nodes would share a record. Set networking.hostName or zeta.selfRegister.nodeName; or set
          networking.hostName = "", where the name comes from DHCP or from the installer's intent.'';
      }
      {
        assertion = exposed == [ ];
        message = ''
          zeta.selfRegister.settings: ${lib.concatStringsSep " and " exposed} would lie in the Nix store,
          which everybody can read. Use zeta.selfRegister.tokenFile or githubApp.keyFile with a path such as
          "/run/secrets/github-token", as a string in quotes; revoke the token that was in the store.'';
      }
      {
        assertion = !(settings ? state_folder);
        message = ''
          zeta.selfRegister.settings.state_folder cannot be changed: the units own /var/lib/zeta-self-register.
          Mount or link another place there instead.'';
      }
    ];
  };
}
