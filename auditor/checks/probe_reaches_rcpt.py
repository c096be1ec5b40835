"""The monitoring of the mail service goes as far as RCPT.

For four hours every recipient was deferred, because a policy service had died, and the monitoring was green: it connected, said
EHLO and was content. 30,000 messages were late, and the customers noticed first (incident 004). A probe has to go through MAIL
and RCPT, better to the arrival of a message in a mailbox, and tell somebody by a way that is not this server. Read from the files
of monit, Nagios and its heirs, Prometheus and cron on the host; what watches from elsewhere only the inventory can tell.

The playbook lets the mail hosts of an inventory ask each other. Where there is only one, another machine has to, every five minutes:
`swaks --to postmaster@DOMAIN --server HOST --quit-after RCPT`, or `auditor scan HOST --only smtp-transaction-completes` (exit code 0, 1
or 3), or with Nagios `check_smtp -C 'MAIL FROM:<>' -R 250 -C 'RCPT TO:<postmaster@DOMAIN>' -R 250`. Alarm by telephone or another
provider, and write it into mail_monitoring.
"""

from auditor.evidence.monitors import Monitors, Reach
from auditor.model import (
    Check,
    Failed,
    Family,
    Host,
    Inconclusive,
    Passed,
    Playbook,
    Reason,
    Severity,
    Verdict,
)


def judge(monitors: Monitors, host: Host) -> Verdict:
    """The deepest probe counts, wherever it is set up."""
    said = dict(host.declared.monitoring)
    who = f"mail_monitoring: {said.get('by', 'somebody')}"
    seen = [(monitor.place, monitor.reach) for monitor in monitors.found]
    seen += [(who, reach) for reach in Reach if reach.value == said.get("reaches")]
    if not seen:
        return Inconclusive(
            "nothing on the host probes SMTP, and nobody else is named who does", Reason.NOT_DECLARED
        )
    rows = tuple({"probe": place, "reaches": reach.value} for place, reach in seen)
    place, reach = max(seen, key=lambda pair: pair[1].depth)
    if reach is Reach.GREETING:
        return Failed(
            f"{place} stops at the greeting, and stays green while every recipient is refused", rows
        )
    return Passed(f"{place} goes as far as {reach.value}", rows)


CHECK = Check.of(
    judge,
    family=Family.CONTINUITY,
    severity=Severity.MEDIUM,
    remedy=Playbook("monitoring"),
    runbook="silent-failure",
    references=("check_smtp(1), options -C and -R", "https://mmonit.com/monit/documentation/monit.html"),
    asks="mail_monitoring",
)
