"""Who sent how much, counted on the host, so that no line of the log leaves it."""

from auditor.evidence.mta import Mta, MtaRunning
from auditor.evidence.senders import LOG_SEEN, SentByLogin, parse_counts
from auditor.inside.command import Command, Output, reads
from auditor.inside.mta import the_one
from auditor.model import Reason
from auditor.net import CannotLook

# Postfix says the login with each message, and with each login that failed, which is none. Sendmail says it once a session, which is
# one process with its number at each line; a message of a login came by ESMTPA or ESMTPSA. Exim has its own log, whose lines begin
# with the time. Logins are told at level info: a journal that takes warnings only holds none, so that any line of that level of
# the last day is asked for too.
COUNT_SENT = r"""{
journalctl -q --no-pager -S -24h -n 1 -o cat SYSLOG_FACILITY=2 PRIORITY=6 2>/dev/null | sed -n '1s/.*/mail-lines/p'
journalctl -q --no-pager -S "$1" -o cat SYSLOG_FACILITY=2 2>/dev/null |
  sed -n 's/^[0-9A-Za-z]*: client=.*\(sasl_username=[^, ]*\).*/\1/p'
journalctl -q --no-pager -S -24h -o short-unix SYSLOG_FACILITY=2 -t sm-mta -t sendmail 2>/dev/null |
  awk -v since="$(date -d "$1" +%s)" '/: AUTH=server,/ && match($0, /authid=[^, ]+/) { login[$3] = substr($0, RSTART, RLENGTH) }
    / from=/ && / proto=ESMTPS?A,/ && $1 >= since && $3 in login { print login[$3] }'
day=$(date -d '24 hours ago' '+%Y-%m-%d %H:%M:%S') since=$(date -d "$1" '+%Y-%m-%d %H:%M:%S')
cat /var/log/exim4/mainlog.1 /var/log/exim4/mainlog 2>/dev/null |
  awk -v day="$day" -v since="$since" '$1 " " $2 >= day { print "mail-lines" } $1 " " $2 >= since && $4 == "<=" { for (i = 5; i <= NF; i++) if ($i ~ /^A=[^:]*:/) print $i }'
} | sort | uniq -c | sort -rn | awk 'NR <= 50 || /mail-lines$/'"""
"""Takes the time to count from, as date(1) and journalctl(1) both read it: `24 hours ago`."""

SENT = Command(
    id="sent-by-login",
    argv=("sh", "-c", COUNT_SENT, "sh", "24 hours ago"),
    root=True,
    timeout=20,
    beside=True,
)


@reads(SENT)
def sent_by_login(output: Output, running: MtaRunning) -> SentByLogin:
    """Raises CannotLook for OpenSMTPD, whose log has logins per session and not per message."""
    if the_one(running) is Mta.OPENSMTPD:
        raise CannotLook(Reason.UNSUPPORTED, "OpenSMTPD does not log which login a message came from")
    text = output.text()
    return SentByLogin(logins=parse_counts(text), log_seen=LOG_SEEN in text)
