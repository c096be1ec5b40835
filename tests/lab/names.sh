#!/bin/sh
# Runs BIND and Unbound on an overlay of the dns image. Started inside fresh mount, pid and network namespaces.
# Arguments: lower directories (colon separated), state directory (upper, work, root, lab).
set -eu
lower=$1 state=$2
mount --make-rprivate /
mount -t overlay lab -o "lowerdir=$lower,upperdir=$state/upper,workdir=$state/work" "$state/root"
cd "$state/root"
mkdir -p etc/lab
mount --bind "$state/lab" etc/lab
mount -t proc proc proc
mount -t tmpfs tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount --rbind /dev dev
mkdir -p run/named
pivot_root . .
umount -l .
cd /
named -g -c /etc/lab/named.conf &
unbound -d -c /etc/lab/unbound.conf &
trap 'kill 0' TERM
wait
