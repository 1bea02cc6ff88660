# A node of the scenarios' cluster, whichever way it came onto its disk.
{
  imports = [
    ../python/zeta-self-register/module.nix
    ./credentials.nix
  ];

  # It gets its name from the intent, which whatever installs it writes into /etc/hostname.
  networking.hostName = "";
  # There is no DNS; the address is MOCK_ADDRESS of vm-scenarios/stage.py.
  networking.hosts."10.0.2.100" = [
    "api.github.test"
    "github.test"
  ];
  services.journald.storage = "persistent";

  zeta.selfRegister = {
    enable = true;
    apiUrl = "https://api.github.test";
    caFile = "/etc/zeta-self-register/mock-ca.pem";
    settings.repository = "acme/cluster";
  };
  # A file and no link, since scenarios add to it.
  environment.etc."zeta-self-register/settings.toml".mode = "0644";
}
