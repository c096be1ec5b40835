sed -i -e "s/^dc_relay_nets=.*/dc_relay_nets='0.0.0.0\/0;::\/0'/" -e "s/^dc_other_hostnames=.*/dc_other_hostnames='$NAME;$DOMAIN'/" \
    /etc/exim4/update-exim4.conf.conf
# Somebody got too much spam at postmaster. It logs to syslog, which is not there.
cat > /etc/exim4/exim4.conf.localmacros <<END
CHECK_RCPT_LOCAL_LOCALPARTS = postmaster : abuse : ^[.] : ^.*[@%!/|]
MAIN_HARDCODE_PRIMARY_HOSTNAME = $NAME
daemon_smtp_ports = 25 : 587
log_file_path = syslog
END
update-exim4.conf
