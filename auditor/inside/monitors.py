"""Probes of SMTP in the files of monitoring programs and of cron. Only how deep they go leaves the host, no line of theirs."""

from auditor.evidence.monitors import Monitors, parse_monitors
from auditor.inside.command import Command, Output, reads

PROBES = Command(
    id="smtp-monitors",
    # /etc/nagios-plugins defines commands that nobody need use, so it is not read.
    argv=(
        "sh",
        "-c",
        r"""find /etc/monit /etc/nagios /etc/nagios3 /etc/nagios4 /etc/icinga /etc/icinga2 /etc/nrpe.d /etc/prometheus /etc/check_mk \
  /etc/cron.d /etc/cron.hourly /etc/cron.daily /etc/crontab /var/spool/cron/crontabs /etc/systemd/system \
  -type f -size -256k -print0 2>/dev/null | xargs -0r awk '
  /^[ \t]*(#|\/\/)/ { next }
  /check_email_(delivery|loop)|check_mail_loop|check_smtp_send/ { print "delivery|" FILENAME; next }
  /auditor .*scan|-m auditor scan/ { print (/--canary/ ? "delivery|" : "rcpt|") FILENAME; next }
  /auditor-watch.* --peer / { print "rcpt|" FILENAME; next }
  /ExecStart=.*auditor-watch/ { print "greeting|" FILENAME; next }
  /swaks.*(-q|--quit-after)[ =]*(CONNECT|BANNER|.*HELO|EHLO|TLS|AUTH|FIRST)/ { print "greeting|" FILENAME; next }
  /swaks.*(-q|--quit-after)[ =]*(RCPT|MAIL)/ { print "rcpt|" FILENAME; next }
  /swaks/ { print "delivery|" FILENAME; next }
  /RCPT TO/ { print "rcpt|" FILENAME; next }
  /check_smtp|protocol smtp|check_command *= *"s?smtp"/ { print "greeting|" FILENAME }' | sort -u | head -n 200
true""",
    ),
    root=True,
    limit=65536,
    beside=True,
)


@reads(PROBES)
def monitors(output: Output) -> Monitors:
    """monit, Nagios and its heirs, Prometheus' blackbox exporter, cron, timers, and auditor itself.

    auditor-watch asks its peers as far as RCPT; of the host that it runs on it sees the greeting, because that trusts itself.
    """
    return parse_monitors(output.text())
