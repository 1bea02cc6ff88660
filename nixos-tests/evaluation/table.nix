# The configurations that are evaluated. `rows` yield units and settings, and maybe failing assertions; what is in
# `refused` must not even evaluate, and each is beside one of `rows` that differs from it in one word.
{ lib }:
let
  node = {
    networking.hostName = "node-a";
    zeta.selfRegister.enable = true;
  };
  with' = more: {
    imports = [
      node
      more
    ];
  };
  # What modules of other repositories declare, as far as the README's lines use it.
  declared = lib.mkOption { type = lib.types.attrsOf lib.types.anything; };
  sops-nix =
    { config, ... }:
    {
      options.sops = declared;
      config.sops.secrets.github-token.path = "/run/secrets/github-token";
      config.zeta.selfRegister.tokenFile = config.sops.secrets.github-token.path;
    };
  agenix =
    { config, ... }:
    {
      options.age = declared;
      config.age.secrets.github-token.path = "/run/agenix/github-token";
      config.zeta.selfRegister.tokenFile = config.age.secrets.github-token.path;
    };
in
{
  rows = {
    minimal = node;
    off = {
      networking.hostName = "node-a";
    };
    everything = {
      networking.hostName = "somebody-elses-name";
      zeta.selfRegister = {
        enable = true;
        nodeName = "node-a";
        operator = "alice";
        user = "zeta";
        group = "users";
        home = "/home/operator";
        tokenFile = "/run/secrets/github-token";
        githubApp = {
          id = 7;
          installationId = 21;
          keyFile = "/run/secrets/github-app-key.pem";
        };
        apiUrl = "https://github.example.com/api/v3";
        caFile = "/etc/ssl/company.pem";
        installStamp = "/var/lib/installed/complete.json";
        dryRun = true;
        steward.enable = true;
        reconcileInterval = "12h";
        reconcileJitter = "1h";
        minPrIntervalSec = 3600;
        markerPath = "/home/operator/.config/zeta/self-registered.marker";
        settings = {
          repository = "acme/cluster";
          base_branch = "trunk";
          roles = [ "control-plane" ];
          cluster = [
            "10.0.0.1:6443"
            "https://argocd.example.com"
          ];
          on_closed = "hold";
          on_drift = "hold";
          merge = "never";
          merge_method = "squash";
          cluster_state_folder = "/run/zeta-cluster-state";
          metrics_file = "/run/zeta-self-register/zeta_self_register.prom";
        };
      };
    };
    as-the-cluster-had-it = with' {
      zeta.selfRegister = {
        user = "zeta";
        group = "users";
        home = "/home/zeta";
        repoRoot = "/etc/zeta";
        scriptPath = "/etc/zeta/tools/installer/zeta-self-register.sh";
        markerPath = "/var/lib/zeta-self-register/self-registered.marker";
        reconcileInterval = "6h";
        reconcileJitter = "30min";
        minPrIntervalSec = 86400;
      };
    };
    marker-in-roots-home = with' {
      zeta.selfRegister.settings.old_marker = "/root/self-registered.marker";
    };
    marker-beside-the-homes = with' {
      zeta.selfRegister.markerPath = "/homes/operator/self-registered.marker";
    };
    another-user = with' { zeta.selfRegister.user = "zeta"; };
    another-group = with' { zeta.selfRegister.group = "users"; };
    name-from-dhcp = with' { networking.hostName = lib.mkForce ""; };
    named-but-for-the-hostname = with' {
      networking.hostName = lib.mkForce "nixos";
      zeta.selfRegister.nodeName = "node-a";
    };
    no-steward = with' { zeta.selfRegister.steward.enable = false; };
    no-stamp = with' { zeta.selfRegister.installStamp = null; };
    behind-a-proxy = with' { networking.proxy.default = "http://proxy.example.com:3128"; };
    ci = with' { zeta.selfRegister.ci.enable = true; };
    token-file = with' { zeta.selfRegister.tokenFile = "/run/secrets/github-token"; };
    # Every option that ends in a setting, said as that setting alone.
    settings-alone = with' {
      networking.hostName = lib.mkForce "nixos";
      zeta.selfRegister.settings = {
        home = "/home/operator";
        node_name = "node-a";
        operator = "alice";
        mode = "dry-run";
        api_url = "https://github.example.com/api/v3";
        ca_file = "/etc/ssl/company.pem";
        token_file = "/run/secrets/github-token";
        app_id = 7;
        app_installation_id = 21;
        app_key_file = "/run/secrets/github-app-key.pem";
        require_install_stamp = false;
        install_stamp = "/var/lib/installed/complete.json";
        old_marker = "/var/lib/zeta/self-registered.marker";
        min_pr_interval_seconds = 3600;
      };
    };
    mock = {
      networking.hostName = "github";
      services.mock-github = {
        enable = true;
        seed = "/srv/seed";
        host = "0.0.0.0";
        port = 443;
        tls = true;
        names = [ "api.github.test" ];
      };
    };

    # --- with other people's modules ---

    impermanence = with' {
      options.environment.persistence = declared;
      config.environment.persistence."/persist" = {
        files = [ "/etc/zeta-self-register/intent.json" ];
        directories = [
          "/var/lib/zeta-install"
          {
            directory = "/var/lib/zeta-self-register";
            user = "zeta-self-register";
            group = "zeta-self-register";
            mode = "0750";
          }
        ];
      };
    };
    nixos-anywhere = with' {
      options.disko = declared;
      config.disko.devices = { };
      config.zeta.selfRegister.settings.repository = "acme/cluster";
      config.zeta.selfRegister.nodeName = "node-a";
      config.zeta.selfRegister.operator = "alice";
    };
    sops-nix = with' sops-nix;
    agenix = with' agenix;

    # --- what an assertion stops ---

    installer-image = with' { system.nixos.variant_id = "installer"; };
    default-hostname = {
      zeta.selfRegister.enable = true;
    };
    token-that-would-be-copied-to-the-store = with' {
      zeta.selfRegister.settings.token_file = ./table.nix;
    };
    token-in-the-store = with' {
      zeta.selfRegister.settings.token_file = "/nix/store/00000000000000000000000000000000-token";
    };
    other-state-folder = with' { zeta.selfRegister.settings.state_folder = "/persist/state"; };
    removed-option = with' { zeta.selfRegister.intentDir = "/home/zeta/.config/zeta/intent"; };
  };

  refused = {
    an-option-and-its-setting-that-differ = with' {
      zeta.selfRegister.apiUrl = "https://github.example.com/api/v3";
      zeta.selfRegister.settings.api_url = "https://api.github.com";
    };
    token-file-in-the-store = with' {
      zeta.selfRegister.tokenFile = "/nix/store/00000000000000000000000000000000-token";
    };
    token-file-that-would-be-copied-to-the-store = with' { zeta.selfRegister.tokenFile = ./table.nix; };
    unknown-policy = with' { zeta.selfRegister.settings.on_drift = "ignore"; };
    stamp-that-is-no-path = with' { zeta.selfRegister.installStamp = "complete.json"; };
    misspelt-option = with' { zeta.selfRegister.tokenfile = "/run/secrets/github-token"; };
  };
}
