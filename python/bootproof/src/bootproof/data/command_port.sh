# The guest's end of the command port: see command_port.py for the story. Reads requests from the port, runs each as a
# root shell script, answers with its exit status and output. $1 is the port's name.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin
export PATH HOME=/root LANG=C.UTF-8
read -r boot </proc/sys/kernel/random/boot_id
work=/run/command-port
mkdir -p -m 700 $work
cd / || exit 1
# Where the kernel has the driver built in, the device is there before udev is, and so is this shell.
device=''
for port in /sys/class/virtio-ports/*; do
    [ -e "$port/name" ] && read -r name <"$port/name" && [ "$name" = "$1" ] && device=/dev/${port##*/}
done
if [ -z "$device" ]; then
    device=/dev/virtio-ports/$1
    udevadm wait --timeout=600 "$device" || exit 1
fi
exec 3<>"$device"
echo "hello $boot" >&3
while read -r word addressee nonce limit script input <&3; do
    # A request to an earlier boot can still lie in the port: its text is skipped, line by line.
    [ "$word" = request ] && [ "$addressee" = "$boot" ] || continue
    head -c "$script" <&3 >$work/script
    head -c "$input" <&3 >$work/in
    timeout -k 5 "$limit" sh $work/script <$work/in >$work/out 2>$work/err 3>&-
    status=$?
    echo "answer $nonce $status $(stat -c %s $work/out) $(stat -c %s $work/err)" >&3
    cat $work/out $work/err >&3
done
