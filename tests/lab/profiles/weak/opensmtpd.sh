printf '%s\n' "$NAME" > /etc/mailname
cat > /etc/smtpd.conf <<END
table aliases file:/etc/aliases
listen on 0.0.0.0
listen on ::
listen on 0.0.0.0 port 587
listen on :: port 587
action "local" maildir alias <aliases>
action "relay" relay
match from any for domain "$DOMAIN" action "local"
match from any for any action "relay"
END
