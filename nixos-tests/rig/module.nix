# A node of the cluster on the rig: NixOS's modules and what they generate, on Debian's programs (see make-guest). The
# agent lies in the root file system; its package here is a link to it, with the shipped units.
{ lib, pkgs, ... }:
let
  program = pkgs.writeText "zeta-self-register" ''
    #!/usr/bin/python3 -I
    import sys

    sys.path.insert(0, "/opt/zeta-self-register")
    from zeta_self_register.cli import main

    main()
  '';
  package = pkgs.runCommand "zeta-self-register" { meta.mainProgram = "zeta-self-register"; } ''
    mkdir -p $out/bin $out/lib
    cp ${program} $out/bin/zeta-self-register
    chmod +x $out/bin/zeta-self-register
    cp -r ${../../python/zeta-self-register/src/zeta_self_register/data/lib/systemd} $out/lib/systemd
    chmod -R u+w $out/lib
    sed -i "s#ExecStart=zeta-self-register #ExecStart=$out/bin/zeta-self-register #" $out/lib/systemd/system/*.service
  '';
  lines = lib.splitString "\n" (
    lib.readFile ../../python/bootproof/src/bootproof/data/debian/lists/masked-units
  );
  masked = lib.filter (word: word != "") (
    lib.concatMap (lib.splitString " ") (lib.filter (line: !lib.hasPrefix "#" line) lines)
  );
in
{
  imports = [ ../node.nix ];

  zeta.selfRegister = { inherit package; };
  # A file and no link, as in node.nix.
  environment.etc.hosts.mode = "0644";

  # What an emulated boot spends most of its time on, and nobody looks at: as on the Debian guest.
  systemd.units = lib.genAttrs ([ "serial-getty@ttyS0.service" ] ++ masked) (_: {
    enable = lib.mkForce false;
  });
}
