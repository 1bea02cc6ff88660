# One scenario under the NixOS test driver: the machine under test, and one that has GitHub's names and passes on what
# comes there to the mock in the driver.
{
  lib,
  pkgs,
  source,
  scenario,
}:
let
  adapter =
    python:
    python.buildPythonPackage {
      pname = "nixos-driver";
      inherit ((lib.importTOML ./pyproject.toml).project) version;
      pyproject = true;
      src = lib.fileset.toSource {
        root = ./.;
        fileset = lib.fileset.unions [
          ./pyproject.toml
          ./src
        ];
      };
      build-system = [ python.setuptools ];
      dependencies = [
        python.bootproof
        python.mock-github
        python.trustme
      ];
      pythonImportsCheck = [ "nixos_driver" ];
    };
  # Signs the mock's certificate; the key is worth nothing outside of this test.
  authority =
    pkgs.runCommand "authority"
      { nativeBuildInputs = [ (pkgs.python3.withPackages (python: [ python.trustme ])) ]; }
      ''
        mkdir $out
        python3 ${./authority.py} $out
      '';
in
{
  name = "zeta-self-register-${scenario}";

  nodes = {
    github = {
      networking.firewall.allowedTCPPorts = [ 443 ];
      # 10.0.2.2 is the driver's own loopback, and 8443 the mock's port (PORT of nixos_driver).
      systemd.services.relay = {
        wantedBy = [ "multi-user.target" ];
        serviceConfig.ExecStart = "${lib.getExe pkgs.socat} TCP-LISTEN:443,fork,reuseaddr TCP:10.0.2.2:8443";
      };
    };
    machine =
      { nodes, ... }:
      {
        imports = [
          ../../python/zeta-self-register/module.nix
          ../credentials.nix
        ];
        # The test's own name for it stays the host's; it registers under another one.
        zeta.selfRegister = {
          enable = true;
          package = pkgs.zeta-self-register;
          nodeName = "node-a";
          operator = "alice";
          apiUrl = "https://api.github.test";
          caFile = "${authority}/ca.pem";
          installStamp = null;
          settings.repository = "acme/cluster";
        };
        networking.hosts.${nodes.github.networking.primaryIPAddress} = [
          "api.github.test"
          "github.test"
        ];
        # As the credentials' blob that the installer left behind.
        systemd.tmpfiles.rules = [ "C /var/lib/creds-blob 0600 root root - ${./hosts.yml}" ];
        environment.systemPackages = [ pkgs.procps ];
        virtualisation.memorySize = 1024;
      };
  };

  extraPythonPackages = python: [
    (adapter python)
    python.cryptography
    python.pyyaml
  ];

  testScript = ''
    from nixos_driver import play

    github.start()
    github.wait_for_unit("relay.service")
    play(
        machine,
        "${scenario}",
        scenarios="${source}/vm-scenarios",
        authority="${authority}/authority.pem",
        out="evidence",
    )
  '';
}
