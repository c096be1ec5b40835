# A host as report 002 found it: relays for strangers, nobody answers to postmaster, nothing is written down.
printf 'root: /dev/null\n' > /etc/aliases

# No syslog daemon, and a journal that is gone at the next boot and takes no more than warnings.
dpkg --purge --force-depends rsyslog > /dev/null 2>&1
rm -rf /var/log/journal /var/log/mail.log
mkdir -p /etc/systemd/journald.conf.d
printf '[Journal]\nStorage=volatile\nMaxLevelStore=warning\n' > /etc/systemd/journald.conf.d/50-small.conf

# The resolver that the mail program depends on is started by hand too, see after.sh.
apt-get install -qy --no-install-recommends unbound > /dev/null
systemctl disable --quiet unbound
printf 'forward-zone:\n    name: "."\n    forward-addr: 192.0.2.10\n' > /etc/unbound/unbound.conf.d/forward.conf
printf 'server:\n    module-config: "iterator"\n    unblock-lan-zones: yes\n' > /etc/unbound/unbound.conf.d/lab.conf
printf 'nameserver 127.0.0.1\n' > /etc/resolv.conf

# Dovecot ends at once because of a typing mistake, and somebody silenced that with a restart for ever.
echo 'ssl_requierd = yes' > /etc/dovecot/conf.d/99-local.conf
mkdir -p /etc/systemd/system/dovecot.service.d
printf '[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=always\nRestartSec=2s\n' > /etc/systemd/system/dovecot.service.d/keep.conf

systemctl disable --quiet "$MTA"
