# The options of `zeta.selfRegister`: those that the shell version's module had, under the same names, and ours.
{ lib, pkgs, ... }:
let
  inherit (lib) mkOption types;
  toml = pkgs.formats.toml { };

  orNull =
    type: more:
    mkOption (
      {
        type = types.nullOr type;
        default = null;
      }
      // more
    );
in
{
  options.zeta.selfRegister = {
    enable = lib.mkEnableOption "registering this node in its cluster by exactly one pull request";

    package = mkOption {
      type = types.package;
      default =
        pkgs.zeta-self-register or (pkgs.python3Packages.callPackage ./package.nix {
          mock-github = pkgs.python3Packages.callPackage ../mock-github/package.nix { };
        });
      defaultText = lib.literalMD "this repository's, built with the system's own nixpkgs";
      description = "The agent, with its units in lib/systemd/system.";
    };

    # --- who it is ---

    nodeName = orNull types.str {
      example = "node-1a2b3c";
      description = "The node's name, a DNS label. By default what the installer's intent says, else the hostname.";
    };
    operator = orNull types.str {
      example = "alice";
      description = ''
        The GitHub login whose node it is. By default what the installer's intent says, else the token's own.
      '';
    };
    user = mkOption {
      type = types.str;
      default = "zeta-self-register";
      description = "The user of the services. The default one is made; another one has to be there.";
    };
    group = mkOption {
      type = types.str;
      default = "zeta-self-register";
      description = "The group of the services. The default one is made; another one has to be there.";
    };
    home = mkOption {
      type = types.str;
      default = "/home/zeta";
      description = "The home into which the credentials are restored: gh's `.config/gh/hosts.yml` lies there.";
    };

    # --- how it signs in ---

    tokenFile = orNull types.externalPath {
      example = "/run/secrets/github-token";
      description = ''
        A file outside of the Nix store with the token, alone or as gh's `hosts.yml`. systemd reads it as root when a
        tick begins; it may appear later. By default the restored `hosts.yml` below {option}`zeta.selfRegister.home`.
      '';
    };
    githubApp = {
      id = orNull (types.either types.ints.positive types.str) {
        example = 12345;
        description = "Sign in as this GitHub App, by its id or client id, instead of with a token that is kept.";
      };
      installationId = orNull types.ints.positive {
        example = 67890;
        description = "The number of the App's installation in the repository.";
      };
      keyFile = orNull types.externalPath {
        example = "/run/secrets/github-app-key.pem";
        description = ''
          A file outside of the Nix store with the App's private key.
          By default {file}`/etc/zeta-self-register/github-app-key.pem`.
        '';
      };
    };
    apiUrl = mkOption {
      type = types.str;
      default = "https://api.github.com";
      example = "https://github.example.com/api/v3";
      description = "GitHub's API.";
    };
    caFile = orNull types.path {
      description = "The authority that signs GitHub's certificate. By default those of {option}`security.pki`.";
    };

    # --- when, and how much ---

    installStamp = mkOption {
      type = types.nullOr types.externalPath;
      default = "/var/lib/zeta-install/complete.json";
      description = ''
        What the installer writes last (`zeta-self-register stamp`); without it nothing is registered.
        `null` for an installer that writes none.
      '';
    };
    dryRun = mkOption {
      type = types.bool;
      default = false;
      description = "Decide, and say what would be done, but write nothing.";
    };
    steward.enable = mkOption {
      type = types.bool;
      default = true;
      description = ''
        Whether the pull request is followed until it is merged, and the record looked after. Without the steward
        the registration is tried every half hour until there is a pull request, and nothing after that.
      '';
    };
    reconcileInterval = mkOption {
      type = types.str;
      default = "6h";
      description = "How long after one look at a registered node the next one is made (a systemd time span).";
    };
    reconcileJitter = mkOption {
      type = types.str;
      default = "10min";
      description = "By up to how much each of these looks is put off, so that nodes do not ask all at once.";
    };
    ci.enable = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether {file}`zeta-self-register-ci.service` says on {file}`/dev/ttyS0` what becomes of the registration, one
        JSON object a line for each change: for tests that read a serial console.
      '';
    };
    minPrIntervalSec = mkOption {
      type = types.ints.positive;
      default = 86400;
      description = "At most one new pull request of this node in so many seconds.";
    };

    # --- what is left of the shell version ---

    markerPath = mkOption {
      type = types.str;
      default = "/var/lib/zeta-self-register/self-registered.marker";
      description = ''
        Where the shell version kept its marker. It is read as a hint and never written; below {file}`/home`,
        {file}`/root` and {file}`/run/user` the units cannot read it (`ProtectHome=`), which is a warning.
      '';
    };
    repoRoot = orNull types.str {
      description = "Not used any more: the repository is asked over the network. Setting it is a warning.";
    };
    scriptPath = orNull types.str {
      description = "Not used any more: the agent is {option}`zeta.selfRegister.package`. Setting it is a warning.";
    };

    # --- everything else ---

    settings = mkOption {
      default = { };
      description = ''
        The settings file, {file}`/etc/zeta-self-register/settings.toml`. Every key of the agent's README can stand
        here. The options above set theirs; what stands here goes before an option that is left at its default, and the
        credentials are loaded from where it says. The build fails if the agent could not use the file.
      '';
      type = types.submodule {
        freeformType = toml.type;
        options = {
          repository = orNull types.str {
            example = "acme/cluster";
            description = "The GitOps repository. By default what the installer's intent says.";
          };
          roles = mkOption {
            type = types.listOf types.str;
            default = [ ];
            example = [ "control-plane" ];
            description = "Roles of the node.";
          };
          cluster = mkOption {
            type = types.listOf types.str;
            default = [ ];
            example = [
              "10.0.0.1:6443"
              "https://argocd.example.com"
            ];
            description = "What has to answer before a new registration is begun.";
          };
          on_closed = mkOption {
            type = types.enum [
              "reopen-once"
              "hold"
            ];
            default = "reopen-once";
            description = "When a person closed the pull request.";
          };
          on_drift = mkOption {
            type = types.enum [
              "repair"
              "hold"
            ];
            default = "repair";
            description = "When a registered node's record is gone.";
          };
          merge = mkOption {
            type = types.enum [
              "auto"
              "never"
            ];
            default = "auto";
            description = "Whether the steward merges or arms auto-merge, or leaves it to people.";
          };
          merge_method = mkOption {
            type = types.enum [
              "auto"
              "merge"
              "squash"
              "rebase"
            ];
            default = "auto";
            description = "How it is merged; `auto` is the first of the others that the repository allows.";
          };
        };
      };
    };
  };
}
