# The guest that installs NixOS: a folder as bootproof wants it, with an ISO, so that no image needs KVM to be built.
# Its kernel is started directly; what it installed is started by UEFI firmware.
{ lib, pkgs }:
let
  target = (pkgs.nixos ./target.nix).config.system.build.toplevel;
  inherit
    (pkgs.nixos {
      imports = [ ./iso.nix ];
      _module.args = { inherit target; };
    })
    config
    ;
  inherit (config.system) build;
  description = (pkgs.formats.toml { }).generate "guest.toml" {
    name = "nixos";
    stage = "installer";
    architecture = pkgs.stdenv.hostPlatform.qemuArch;
    python = pkgs.python3.pythonVersion;
    disks = [ "nixos.iso" ];
    installer = "installer.service";
    memory = 3072;
    kernel = {
      image = "kernel";
      initrd = "initrd";
      command_line = lib.concatStringsSep " " (
        [ "init=${build.toplevel}/init" ] ++ config.boot.kernelParams
      );
    };
    # The agent is in the system that is installed, so that scenarios unpack none.
    notes.brings = "zeta-self-register";
    firmware = {
      code = "firmware-code.fd";
      variables = "firmware-variables.fd";
    };
  };
in
pkgs.runCommand "nixos-guest" { } ''
  mkdir $out
  ln -s ${build.isoImage}/iso/*.iso $out/nixos.iso
  ln -s ${build.kernel}/${config.system.boot.loader.kernelFile} $out/kernel
  ln -s ${build.initialRamdisk}/${config.system.boot.loader.initrdFile} $out/initrd
  ln -s ${pkgs.OVMF.firmware} $out/firmware-code.fd
  ln -s ${pkgs.OVMF.variables} $out/firmware-variables.fd
  cp ${description} $out/guest.toml
''
