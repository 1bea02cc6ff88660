# The kernel speaks on the serial port that QEMU gives a machine of this platform.
{ pkgs, ... }:
let
  port = if pkgs.stdenv.hostPlatform.isAarch64 then "ttyAMA0" else "ttyS0";
in
{
  boot.kernelParams = [ "console=${port}" ];
}
