# Debian's postinst asks the machine for its name; the image was built on another one.
postconf -e "myhostname = $NAME" "mydestination = \$myhostname, $DOMAIN, localhost.$DOMAIN, localhost"
