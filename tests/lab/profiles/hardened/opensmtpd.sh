apt-get install -qy --no-install-recommends opensmtpd-filter-dkimsign > /dev/null
install -d -m 0750 -o _dkimsign -g _dkimsign /etc/mail/dkim
install -m 0400 -o _dkimsign -g _dkimsign /var/lib/lab/dkim.pem /etc/mail/dkim/private.key
install -m 0600 /etc/ssl/private/key.pem /etc/mail/key.pem
printf '%s\n' "$NAME" > /etc/mailname
printf 'alice: alice@%s\n' "$DOMAIN" > /etc/mail/submitters
(umask 037; printf 'alice: %s\n' "$(openssl passwd -6 "$PASSWORD")" > /etc/mail/creds)
chgrp opensmtpd /etc/mail/creds
cat > /etc/smtpd.conf <<END
table aliases file:/etc/aliases
table creds file:/etc/mail/creds
table submitters file:/etc/mail/submitters
filter "fcrdns" phase connect match !fcrdns disconnect "550 no forward-confirmed reverse name"
filter "dkim" proc-exec "/usr/libexec/opensmtpd/filter-dkimsign -d $DOMAIN -s mail -k /etc/mail/dkim/private.key" user _dkimsign group _dkimsign
END
if [ "$RELEASE" = bookworm ]; then
    # OpenSMTPD 6.8 offers STARTTLS with OpenSSL 3 and then breaks every handshake, so it offers none, and no submission.
    cat >> /etc/smtpd.conf <<END
listen on 0.0.0.0 port 25 hostname $NAME filter "fcrdns"
listen on :: port 25 hostname $NAME filter "fcrdns"
END
else
    tls="pki $NAME hostname $NAME ciphers \"HIGH:!aNULL:!kRSA\" protocols \"tlsv1.2,tlsv1.3\""
    {
        printf 'pki %s cert "/etc/ssl/certs/cert.pem"\npki %s key "/etc/mail/key.pem"\n' "$NAME" "$NAME"
        for address in 0.0.0.0 ::; do
            printf 'listen on %s port 25 tls %s filter "fcrdns"\n' "$address" "$tls"
            printf 'listen on %s port 465 smtps %s auth <creds> senders <submitters> filter "dkim"\n' "$address" "$tls"
            printf 'listen on %s port 587 tls-require %s auth <creds> senders <submitters> filter "dkim"\n' "$address" "$tls"
        done
    } >> /etc/smtpd.conf
fi
cat >> /etc/smtpd.conf <<END
listen on socket filter "dkim"
action "local" mbox alias <aliases>
action "relay" relay helo $NAME
match from any for domain "$DOMAIN" action "local"
match from any for domain "$NAME" action "local"
match for local action "local"
match auth from any for any action "relay"
match from local for any action "relay"
END
smtpd -n
