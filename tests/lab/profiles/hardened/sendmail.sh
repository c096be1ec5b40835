sign_with_opendkim
if [ "$RELEASE" = bookworm ]; then
    echo START=yes >> /etc/default/saslauthd
    restart saslauthd.service always RemainAfterExit=no PIDFile=/run/saslauthd/saslauthd.pid
else
    restart saslauthd.service on-failure
fi
printf 'pwcheck_method: saslauthd\nmech_list: PLAIN LOGIN\n' > /usr/lib/sasl2/Sendmail.conf
adduser --quiet smmsp sasl
printf 'auth required pam_unix.so\naccount required pam_unix.so\n' > /etc/pam.d/smtp
systemctl enable --quiet saslauthd sendmail
install -m 0600 /etc/ssl/private/key.pem /etc/mail/tls/mx.key
cd /etc/mail
printf '%s\n' localhost "$NAME" "$DOMAIN" > local-host-names
sed -i -e '/^FEATURE(.no_default_msa/,/^define(.confPRIVACY_FLAGS/{/DAEMON_OPTIONS/d}' -e '/^define(`confPRIVACY_FLAGS/,/^`needmailhelo/d' sendmail.mc
sed -i "/^FEATURE(.no_default_msa/r /dev/stdin" sendmail.mc <<END
DAEMON_OPTIONS(\`Family=inet, Name=LOOP, Port=smtp, Addr=127.0.0.1')dnl
DAEMON_OPTIONS(\`Family=inet, Name=MX-v4, Port=smtp, Addr=$V4, M=A')dnl
DAEMON_OPTIONS(\`Family=inet6, Name=MX-v6, Port=smtp, Addr=$V6, M=A')dnl
DAEMON_OPTIONS(\`Family=inet, Name=MSA-v4, Port=submission, Addr=$V4, M=Ea')dnl
DAEMON_OPTIONS(\`Family=inet6, Name=MSA-v6, Port=submission, Addr=$V6, M=Ea')dnl
DAEMON_OPTIONS(\`Family=inet, Name=MSAS-v4, Port=submissions, Addr=$V4, M=Eas')dnl
DAEMON_OPTIONS(\`Family=inet6, Name=MSAS-v6, Port=submissions, Addr=$V6, M=Eas')dnl
define(\`confDOMAIN_NAME', \`$NAME')dnl
MASQUERADE_AS(\`$DOMAIN')dnl
define(\`confPRIVACY_FLAGS', \`goaway,noetrn,restrictmailq,restrictqrun,restrictexpand,nobodyreturn,noreceipts,authwarnings')dnl
define(\`confSMTP_LOGIN_MSG', \`\$j')dnl
define(\`confMAX_RCPTS_PER_MESSAGE', \`100')dnl
define(\`confMAX_DAEMON_CHILDREN', \`60')dnl
define(\`confMAX_MESSAGE_SIZE', \`26214400')dnl
define(\`confCACERT_PATH', \`/etc/ssl/certs')dnl
define(\`confCACERT', \`/etc/ssl/certs/ca.pem')dnl
define(\`confSERVER_CERT', \`/etc/ssl/certs/cert.pem')dnl
define(\`confSERVER_KEY', \`/etc/mail/tls/mx.key')dnl
define(\`confCIPHER_LIST', \`HIGH:!aNULL:!eNULL:!kRSA:!3DES:!MD5:!RC4:!CAMELLIA:!ARIA')dnl
define(\`confSERVER_SSL_OPTIONS', \`+SSL_OP_NO_SSLv2 +SSL_OP_NO_SSLv3 +SSL_OP_NO_TLSv1 +SSL_OP_NO_TLSv1_1 +SSL_OP_CIPHER_SERVER_PREFERENCE')dnl
define(\`confAUTH_MECHANISMS', \`PLAIN LOGIN')dnl
define(\`confAUTH_OPTIONS', \`A p y')dnl
TRUST_AUTH_MECH(\`PLAIN LOGIN')dnl
FEATURE(\`nopercenthack', \`reject')dnl
INPUT_MAIL_FILTER(\`opendkim', \`S=inet:8891@127.0.0.1, F=T, T=S:30s;R:30s')dnl
END
# Whoever logs in sends under the address of that login, or with the empty sender. With Debian's delay_checks check_mail is
# never called for a client that may relay, so the rule stands where the recipient is judged.
cat >> sendmail.mc <<'END'
LOCAL_RULESETS
SLocal_check_rcpt
R$*	$: <$&{auth_authen}> $&f
R<> $*	$@ OK	nobody logged in
R<$+>	$@ OK	the empty sender
R<$+> <>	$@ OK
R<$+> $*	$: $>CanonAddr $2
R$&{auth_authen} <@ $=w .>	$@ OK
R$*	$#error $@ 5.7.1 $: "550 5.7.1 sender address is not owned by " $&{auth_authen}
END
sed -i "/^FEATURE(.access_db/a FEATURE(\`blocklist_recipients')dnl" sendmail.mc
m4 sendmail.mc > sendmail.cf
newaliases
