# NixOS: `zeta.selfRegister`. The units are the package's own (`systemd.packages`); here stands only what NixOS has to
# add to them, which it puts into a drop-in beside each.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.zeta.selfRegister;
  name = "zeta-self-register";
  shipped = {
    home = "/home/zeta";
    reconcileInterval = "6h";
    reconcileJitter = "10min";
  };

  toml = pkgs.formats.toml { };
  # A TOML file has no null.
  written = toml.generate "settings.toml" (lib.filterAttrs (_: value: value != null) cfg.settings);
  # The agent refuses at build time what it would refuse on the node, in the same words.
  checked = pkgs.runCommand "${name}-settings.toml" { preferLocalBuild = true; } ''
    ${lib.getExe cfg.package} --settings ${written} check-settings
    cp ${written} $out
  '';
  canCheck = pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform;

  # A later LoadCredential= of the same name takes the place of the shipped one.
  credentials =
    lib.optional (cfg.tokenFile != null) "github-token:${cfg.tokenFile}"
    ++ lib.optional (cfg.home != shipped.home) "gh-hosts:${cfg.home}/.config/gh/hosts.yml"
    ++ lib.optional (cfg.githubApp.keyFile != null) "github-app-key:${cfg.githubApp.keyFile}";

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
      (lib.mkIf (cfg.group != name) { Group = cfg.group; })
      (lib.mkIf (credentials != [ ]) { LoadCredential = credentials; })
    ];
  };

  inStore = path: path != null && lib.hasPrefix builtins.storeDir (toString path);
in
{
  imports = [
    ./options.nix
    (lib.mkRemovedOptionModule [ "zeta" "selfRegister" "intentDir" ] ''
      What the machine is to become is said by the installer (`zeta-self-register intent`), or by
      zeta.selfRegister.nodeName and zeta.selfRegister.operator.'')
  ];

  config = lib.mkIf cfg.enable {
    zeta.selfRegister.settings = lib.filterAttrs (_: value: value != null) {
      inherit (cfg) home operator;
      node_name = cfg.nodeName;
      mode = if cfg.dryRun then "dry-run" else "live";
      api_url = cfg.apiUrl;
      ca_file = if cfg.caFile == null then null else "${cfg.caFile}";
      token_file = cfg.tokenFile;
      app_id = cfg.githubApp.id;
      app_installation_id = cfg.githubApp.installationId;
      app_key_file = cfg.githubApp.keyFile;
      require_install_stamp = cfg.installStamp != null;
      install_stamp = cfg.installStamp;
      old_marker = cfg.markerPath;
      min_pr_interval_seconds = cfg.minPrIntervalSec;
    };

    environment.etc."${name}/settings.toml".source = if canCheck then checked else written;
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
        );

    assertions = [
      {
        assertion = config.system.nixos.variant_id != "installer";
        message = ''
          zeta.selfRegister.enable is set on an installer image, which must never register itself.
          Set zeta.selfRegister.enable = false there, and enable it in the system that is installed.'';
      }
      {
        assertion =
          cfg.nodeName != null
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
        assertion = !(lib.any inStore (map (key: cfg.settings.${key} or null) [
          "token_file"
          "app_key_file"
        ]));
        message = ''
          zeta.selfRegister.settings: token_file or app_key_file lies in the Nix store, which everybody can read.
          Use zeta.selfRegister.tokenFile or githubApp.keyFile with a path such as "/run/secrets/github-token", as a
          string in quotes; revoke the token that was in the store.'';
      }
      {
        assertion = !(cfg.settings ? state_folder);
        message = ''
          zeta.selfRegister.settings.state_folder cannot be changed: the units own /var/lib/zeta-self-register.
          Mount or link another place there instead.'';
      }
    ];
  };
}
