#!/bin/sh
# Becomes systemd on an overlay root. Started inside fresh mount, pid, uts, ipc, cgroup and network namespaces.
# Arguments: lower directories (colon separated), state directory (upper, work, root, seed.tar), host name.
set -eu
lower=$1 state=$2 name=$3
mount --make-rprivate /
mount -t overlay lab -o "lowerdir=$lower,upperdir=$state/upper,workdir=$state/work" "$state/root"
if [ -e "$state/seed.tar" ]; then
    tar -xpf "$state/seed.tar" -C "$state/root" --numeric-owner
    rm "$state/seed.tar"
fi
cd "$state/root"
hostname "$name"
mount -t proc -o nosuid,noexec,nodev proc proc
# sysctl of the machine must not change from inside, those of the network namespace may
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount --bind proc/sys/net proc/sys/net
mount -o remount,bind,rw proc/sys/net
mount -t sysfs -o ro,nosuid,noexec,nodev sysfs sys
mount -t cgroup2 -o nosuid,noexec,nodev cgroup2 sys/fs/cgroup
mount -t tmpfs -o nosuid,mode=755 tmpfs dev
mkdir dev/pts dev/shm
mknod -m 666 dev/null c 1 3
mknod -m 666 dev/zero c 1 5
mknod -m 666 dev/full c 1 7
mknod -m 666 dev/random c 1 8
mknod -m 666 dev/urandom c 1 9
mknod -m 666 dev/tty c 5 0
mount -t devpts -o nosuid,noexec,newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o nosuid,nodev tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs run
mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs tmp
mkdir -p run/lock
pivot_root . .
umount -l .
cd /
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root
if [ -e /var/lib/lab/setup.sh ]; then
    printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
    chmod 0755 /usr/sbin/policy-rc.d
    (cd /root && SYSTEMD_OFFLINE=1 sh -eu /var/lib/lab/setup.sh)
    rm -r /usr/sbin/policy-rc.d /var/lib/lab
fi
# The clock, the kernel's modules and raw hardware are the machine's, not the host's.
exec setpriv --bounding-set=-sys_time,-sys_module,-sys_rawio,-syslog,-wake_alarm,-mac_admin,-mac_override \
    env -i container=lab PATH="$PATH" /lib/systemd/systemd --system --log-target=journal
