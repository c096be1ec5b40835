# Debian installs the "internet site" type with an empty list of interfaces, which listens everywhere.
sed -i "s/^dc_other_hostnames=.*/dc_other_hostnames='$NAME;$DOMAIN'/" /etc/exim4/update-exim4.conf.conf
update-exim4.conf
