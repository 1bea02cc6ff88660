# A stand-in for the cluster's unit that brings the credentials back a while after boot, as root, into the operator's
# home; the same as vm-scenarios/agent.py has for other guests.
{
  systemd.services.zeta-creds-restore = {
    description = "Restore the credentials (a stand-in of the scenario)";
    wantedBy = [ "multi-user.target" ];
    unitConfig.ConditionPathExists = "/var/lib/creds-blob";
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
    };
    script = ''
      sleep 3
      install -D -m 600 /var/lib/creds-blob /home/zeta/.config/gh/hosts.yml
    '';
  };
}
