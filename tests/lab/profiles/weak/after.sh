# As an admin who restarts things from a shell: in the cgroup of a login session, not of a unit.
unbound
case $MTA in
postfix)
    nohup python3 /usr/local/sbin/policy-helper > /dev/null 2>&1 < /dev/null &
    # Debian 13 hands "postfix start" over to systemd
    if [ "$RELEASE" = bookworm ]; then postfix start; else nohup postfix start-fg & fi ;;
exim4) /usr/sbin/exim4 -bd -q30m ;;
opensmtpd) /usr/sbin/smtpd ;;
sendmail) /usr/sbin/sendmail -bd -q10m ;;
esac > /dev/null 2>&1 < /dev/null
