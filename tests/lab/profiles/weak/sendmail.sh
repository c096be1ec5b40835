cd /etc/mail
sed -i -e '/^DAEMON_OPTIONS/d' sendmail.mc
sed -i "/^FEATURE(.no_default_msa/r /dev/stdin" sendmail.mc <<END
DAEMON_OPTIONS(\`Family=inet, Name=LOOP, Port=smtp, Addr=127.0.0.1')dnl
DAEMON_OPTIONS(\`Family=inet, Name=MX-v4, Port=smtp, Addr=$V4')dnl
DAEMON_OPTIONS(\`Family=inet6, Name=MX-v6, Port=smtp, Addr=$V6')dnl
DAEMON_OPTIONS(\`Family=inet, Name=MSA-v4, Port=submission, Addr=$V4')dnl
DAEMON_OPTIONS(\`Family=inet6, Name=MSA-v6, Port=submission, Addr=$V6')dnl
define(\`confDOMAIN_NAME', \`$NAME')dnl
FEATURE(\`promiscuous_relay')dnl
END
printf '%s\n' localhost "$NAME" "$DOMAIN" > local-host-names
m4 sendmail.mc > sendmail.cf 2> /dev/null
newaliases
