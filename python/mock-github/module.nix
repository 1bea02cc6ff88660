# NixOS: `services.mock-github`, a GitHub to test against on a machine of its own.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.mock-github;
  inherit (lib) mkOption types;
in
{
  options.services.mock-github = {
    enable = lib.mkEnableOption "a mock of GitHub: state in memory, gone when it stops";
    package = mkOption {
      type = types.package;
      default = pkgs.mock-github or (pkgs.python3Packages.callPackage ./package.nix { });
      defaultText = lib.literalMD "this repository's, built with the system's own nixpkgs";
      description = "The mock.";
    };
    seed = mkOption {
      type = types.path;
      example = lib.literalExpression "./seed";
      description = "The folder that it begins with: {file}`mock.toml` and {file}`repos/`.";
    };
    host = mkOption {
      type = types.str;
      default = "127.0.0.1";
      example = "0.0.0.0";
      description = "The address that it listens on.";
    };
    port = mkOption {
      type = types.port;
      default = 8080;
      description = "The port that it listens on.";
    };
    tls = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether it speaks HTTPS, with an authority of its own that is made when it starts; its certificate is
        {file}`/run/mock-github/ca.pem`.
      '';
    };
    names = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "api.github.test" ];
      description = "Further names in its certificate.";
    };
    openFirewall = mkOption {
      type = types.bool;
      default = false;
      description = "Whether other machines reach the port.";
    };
  };

  config = lib.mkIf cfg.enable {
    networking.firewall.allowedTCPPorts = lib.mkIf cfg.openFirewall [ cfg.port ];
    systemd.services.mock-github = {
      description = "A mock of GitHub";
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ];
      after = [ "network-online.target" ];
      serviceConfig = {
        ExecStart = lib.escapeShellArgs (
          [
            (lib.getExe cfg.package)
            "serve"
            "--seed"
            "${cfg.seed}"
            "--host"
            cfg.host
            "--port"
            cfg.port
            "--event-log"
            "/run/mock-github/events.jsonl"
          ]
          ++ lib.optionals cfg.tls [
            "--tls"
            "--ca-out"
            "/run/mock-github/ca.pem"
          ]
          ++ lib.concatMap (name: [
            "--name"
            name
          ]) cfg.names
        );
        DynamicUser = true;
        RuntimeDirectory = "mock-github";
        AmbientCapabilities = lib.mkIf (cfg.port < 1024) "CAP_NET_BIND_SERVICE";
        CapabilityBoundingSet = if cfg.port < 1024 then "CAP_NET_BIND_SERVICE" else "";
        LockPersonality = true;
        MemoryDenyWriteExecute = true;
        PrivateDevices = true;
        ProtectClock = true;
        ProtectControlGroups = true;
        ProtectHome = true;
        ProtectHostname = true;
        ProtectKernelLogs = true;
        ProtectKernelModules = true;
        ProtectKernelTunables = true;
        ProtectProc = "invisible";
        RestrictAddressFamilies = [
          "AF_INET"
          "AF_INET6"
          "AF_UNIX"
        ];
        RestrictNamespaces = true;
        RestrictRealtime = true;
        SystemCallArchitectures = "native";
        SystemCallFilter = [ "@system-service" ];
      };
    };
  };
}
