sign_with_opendkim
# One account sends so much a day and no more: Postfix asks postfwd, which counts recipients of each login.
apt-get install -qy --no-install-recommends postfwd > /dev/null
cat > /etc/postfix/postfwd.cf <<'END'
id=DAY; protocol_state==END-OF-MESSAGE; sasl_username=~^.+$; action=rcpt(sasl_username/500/86400/450 4.7.1 daily quota)
END
restart postfwd.service on-failure
systemctl enable --quiet postfwd
cat >> /etc/dovecot/conf.d/99-hardening.conf <<END
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0660
    user = postfix
    group = postfix
  }
}
END
newaliases
printf '/^(.*)@%s$/ $1\n' "$DOMAIN" > /etc/postfix/sender_logins
exclude='aNULL, eNULL, kRSA, 3DES, RC4, MD5, DES, EXPORT, LOW, SEED, IDEA, CAMELLIA, ARIA'
postconf -e \
    "myhostname = $NAME" "myorigin = $DOMAIN" "mydestination = \$myhostname, $DOMAIN, localhost" \
    'mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128' \
    'smtpd_banner = $myhostname ESMTP' 'disable_vrfy_command = yes' 'smtpd_discard_ehlo_keywords = etrn, silent-discard' \
    'smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination' \
    'smtpd_end_of_data_restrictions = check_policy_service inet:127.0.0.1:10040' \
    'smtpd_helo_required = yes' 'smtpd_data_restrictions = reject_unauth_pipelining' \
    'smtpd_helo_restrictions = permit_mynetworks, reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname' \
    'smtpd_sender_restrictions = reject_non_fqdn_sender, reject_unknown_sender_domain' \
    'smtpd_forbid_bare_newline = normalize' 'smtpd_forbid_bare_newline_exclusions = $mynetworks' \
    'smtpd_forbid_unauth_pipelining = yes' 'unknown_local_recipient_reject_code = 550' \
    'smtpd_tls_security_level = may' 'smtpd_tls_auth_only = yes' 'smtpd_tls_loglevel = 1' 'smtpd_tls_received_header = yes' \
    'smtpd_tls_cert_file = /etc/ssl/certs/cert.pem' 'smtpd_tls_key_file = /etc/ssl/private/key.pem' \
    'smtpd_tls_protocols = >=TLSv1.2' 'smtpd_tls_mandatory_protocols = >=TLSv1.2' \
    "smtpd_tls_exclude_ciphers = $exclude" 'tls_preempt_cipherlist = yes' \
    'smtp_tls_security_level = may' 'smtp_tls_loglevel = 1' \
    'smtpd_sasl_auth_enable = no' 'smtpd_sasl_type = dovecot' 'smtpd_sasl_path = private/auth' \
    'smtpd_sasl_security_options = noanonymous' 'smtpd_sender_login_maps = regexp:/etc/postfix/sender_logins' \
    'smtpd_client_connection_rate_limit = 30' 'smtpd_client_message_rate_limit = 30' 'smtpd_client_recipient_rate_limit = 100' \
    'smtpd_client_auth_rate_limit = 5' 'smtpd_client_new_tls_session_rate_limit = 30' 'smtpd_client_connection_count_limit = 10' \
    'smtpd_soft_error_limit = 3' 'smtpd_hard_error_limit = 6' \
    'smtpd_milters = inet:127.0.0.1:8891' 'non_smtpd_milters = $smtpd_milters' 'milter_default_action = tempfail'
for service in submission submissions; do
    postconf -M "$service/inet=$service inet n - y - - smtpd"
    postconf -P "$service/inet/syslog_name=postfix/$service" "$service/inet/smtpd_sasl_auth_enable=yes" \
        "$service/inet/smtpd_client_restrictions=permit_sasl_authenticated,reject" \
        "$service/inet/smtpd_sender_restrictions=reject_sender_login_mismatch" \
        "$service/inet/smtpd_relay_restrictions=permit_sasl_authenticated,reject" \
        "$service/inet/smtpd_helo_restrictions="
done
postconf -P submission/inet/smtpd_tls_security_level=encrypt submissions/inet/smtpd_tls_wrappermode=yes
# Makes the queue directories too: on Debian 13 they come with the first start, and Dovecot wants to listen in one.
postfix check
