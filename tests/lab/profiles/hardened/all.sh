# What every hardened host has. In /var/lib/lab lie the certificate of $NAME, its key, the issuer and the DKIM key.
install -m 0644 /var/lib/lab/cert.pem /var/lib/lab/ca.pem /etc/ssl/certs/
install -m 0640 -g ssl-cert /var/lib/lab/key.pem /etc/ssl/private/
printf 'nameserver 192.0.2.10\nnameserver 192.0.2.11\noptions trust-ad timeout:2 attempts:2\n' > /etc/resolv.conf

useradd --create-home --shell /usr/sbin/nologin alice
printf 'alice:%s\n' "$PASSWORD" | chpasswd
cat > /etc/aliases <<END
postmaster: root
abuse: root
hostmaster: root
security: root
noc: root
webmaster: root
mailer-daemon: postmaster
canary: alice
root: alice
END

# Logs: kept on this host for 90 days, and sent to another one over TLS.
apt-get install -qy --no-install-recommends rsyslog-gnutls > /dev/null
mkdir -p /etc/systemd/journald.conf.d /var/log/journal
cat > /etc/systemd/journald.conf.d/50-keep.conf <<END
[Journal]
Storage=persistent
SystemMaxUse=1G
MaxRetentionSec=90day
END
sed -i 's/rotate 4$/rotate 13/' /etc/logrotate.d/rsyslog
cat > /etc/rsyslog.d/50-loghost.conf <<END
global(DefaultNetstreamDriverCAFile="/etc/ssl/certs/ca.pem")
*.* action(type="omfwd" target="192.0.2.20" port="6514" protocol="tcp"
    StreamDriver="gtls" StreamDriverMode="1" StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="loghost.example"
    queue.type="LinkedList" queue.filename="loghost" queue.maxDiskSpace="100m" queue.saveOnShutdown="on"
    action.resumeRetryCount="-1")
END

# Services come back after a crash: a plain unit on failure, a wrapped init script always (it reports success and stays "active").
restart() {
    drop_in=/etc/systemd/system/$1.d/50-restart.conf
    mkdir -p "${drop_in%/*}"
    printf '[Unit]\nStartLimitIntervalSec=300\nStartLimitBurst=10\n[Service]\nRestart=%s\nRestartSec=3s\n' "$2" > "$drop_in"
    shift 2
    for line in "$@"; do echo "$line" >> "$drop_in"; done
}
restart dovecot.service on-failure
case $MTA-$RELEASE in
postfix-bookworm) restart postfix@.service on-failure ;;
exim4-bookworm) restart exim4.service always RemainAfterExit=no GuessMainPID=yes PIDFile=/run/exim4/exim.pid ;;
sendmail-*) restart sendmail.service always RemainAfterExit=no PIDFile=/run/sendmail/mta/sendmail.pid ;;
*) restart "$MTA.service" on-failure ;;
esac

# Dovecot: passwords inside TLS only.
if [ "$RELEASE" = bookworm ]; then
    cat > /etc/dovecot/conf.d/99-hardening.conf <<END
ssl = required
ssl_cert = </etc/ssl/certs/cert.pem
ssl_key = </etc/ssl/private/key.pem
ssl_prefer_server_ciphers = yes
disable_plaintext_auth = yes
auth_username_format = %Ln
END
else
    cat > /etc/dovecot/conf.d/99-hardening.conf <<END
ssl = required
ssl_server_cert_file = /etc/ssl/certs/cert.pem
ssl_server_key_file = /etc/ssl/private/key.pem
ssl_server_prefer_ciphers = server
auth_allow_cleartext = no
auth_username_format = %{user | username | lower}
END
fi
cat >> /etc/dovecot/conf.d/99-hardening.conf <<END
auth_mechanisms = plain login
auth_verbose = yes
auth_failure_delay = 5 secs
mail_max_userip_connections = 10
service imap-login {
  inet_listener imap {
    port = 0
  }
}
service pop3-login {
  inet_listener pop3 {
    port = 0
  }
}
END

# SSH by key, and a firewall that names what is open.
printf 'PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n' > /etc/ssh/sshd_config.d/50-keys.conf
cat > /etc/nftables.conf <<'END'
#!/usr/sbin/nft -f
flush ruleset
table inet filter {
    chain input {
        type filter hook input priority filter; policy drop;
        ct state established,related accept
        iif lo accept
        meta l4proto { icmp, ipv6-icmp } accept
        tcp dport { 22, 25, 465, 587, 993, 995 } accept
        reject
    }
}
END
systemctl enable --quiet nftables

# A signer for the mail programs that have none of their own.
sign_with_opendkim() {
    apt-get install -qy --no-install-recommends opendkim > /dev/null
    install -m 0600 -o opendkim /var/lib/lab/dkim.pem /etc/dkimkeys/mail.private
    sed -i 's/^Socket/#&/' /etc/opendkim.conf
    printf '%s\n' "Domain $DOMAIN" "Selector mail" "KeyFile /etc/dkimkeys/mail.private" "Socket inet:8891@127.0.0.1" >> /etc/opendkim.conf
    systemctl enable --quiet opendkim
}
