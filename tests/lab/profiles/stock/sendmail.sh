# Debian's Sendmail listens on loopback only. A wildcard for IPv6 would take IPv4 too, so each address is named.
cd /etc/mail
sed -i "/^DAEMON_OPTIONS(.Family=inet,  Name=MTA-v4/a\\
DAEMON_OPTIONS(\`Family=inet, Name=MX-v4, Port=smtp, Addr=$V4')dnl\\
DAEMON_OPTIONS(\`Family=inet6, Name=MX-v6, Port=smtp, Addr=$V6')dnl" sendmail.mc
printf '%s\n' localhost "$NAME" "$DOMAIN" > local-host-names
m4 sendmail.mc > sendmail.cf
# The postinst of Debian 13 leaves before it would enable the unit.
systemctl enable --quiet sendmail
