usermod -aG ssl-cert Debian-exim
install -m 0640 -g Debian-exim /var/lib/lab/dkim.pem /etc/exim4/dkim.private
install -m 0640 -g Debian-exim /etc/ssl/private/key.pem /etc/exim4/exim.key
install -m 0640 -g Debian-exim /etc/ssl/certs/cert.pem /etc/exim4/exim.crt
printf 'alice: alice@%s\n' "$DOMAIN" > /etc/exim4/sender_logins
cat >> /etc/dovecot/conf.d/99-hardening.conf <<END
service auth {
  unix_listener auth-client {
    mode = 0660
    group = Debian-exim
  }
}
END
sed -i -e "s/^dc_use_split_config=.*/dc_use_split_config='true'/" -e "s/^dc_relay_nets=.*/dc_relay_nets=''/" \
    -e "s/^dc_other_hostnames=.*/dc_other_hostnames='$NAME;$DOMAIN'/" /etc/exim4/update-exim4.conf.conf
cat > /etc/exim4/conf.d/main/000_localmacros <<END
MAIN_TLS_ENABLE = yes
MAIN_TLS_CERTIFICATE = /etc/exim4/exim.crt
MAIN_TLS_PRIVATEKEY = /etc/exim4/exim.key
tls_require_ciphers = NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-ARCFOUR-128:-3DES-CBC:-AES-128-CBC:-AES-256-CBC:%SERVER_PRECEDENCE
MAIN_HARDCODE_PRIMARY_HOSTNAME = $NAME
DKIM_DOMAIN = $DOMAIN
DKIM_SELECTOR = mail
DKIM_PRIVATE_KEY = /etc/exim4/dkim.private
smtp_banner = \$smtp_active_hostname ESMTP
smtp_accept_max = 100
smtp_accept_max_per_host = 10
pipelining_connect_advertise_hosts =
acl_smtp_predata = /etc/exim4/predata.acl
log_file_path = /var/log/exim4/%slog : syslog
MAIN_LOG_SELECTOR = +smtp_protocol_error +smtp_syntax_error +tls_certificate_verified +tls_cipher +tls_peerdn +incoming_port +subject +sender_on_delivery +smtp_mailauth
daemon_smtp_ports = 25 : 465 : 587
tls_on_connect_ports = 465
auth_advertise_hosts = \${if or{{eq{\$received_port}{465}}{eq{\$received_port}{587}}}{*}{}}
END
cat > /etc/exim4/predata.acl <<'END'
  deny
    authenticated = *
    !senders = : ${lookup{$authenticated_id}lsearch{/etc/exim4/sender_logins}{$value}{}}
    message = sender address <$sender_address> not owned by $authenticated_id
  defer
    authenticated = *
    ratelimit = 500 / 1d / per_rcpt / strict / user-$authenticated_id
    message = daily sending limit reached ($sender_rate_limit per $sender_rate_period)
  accept
END
cat > /etc/exim4/conf.d/auth/20_dovecot <<'END'
dovecot_plain:
  driver = dovecot
  public_name = PLAIN
  server_socket = /run/dovecot/auth-client
  server_set_id = $auth1
  server_advertise_condition = ${if eq{$tls_in_cipher}{}{}{*}}
END
sed -i 's/rotate 10$/rotate 90/' /etc/logrotate.d/exim4-base
update-exim4.conf
