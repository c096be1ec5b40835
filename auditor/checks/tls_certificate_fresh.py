"""The certificate will not expire within two weeks.

Renewal runs by itself until it does not: a hook that failed, a port that was closed. Two weeks are time to notice;
certificates of 90 days are renewed a month before. A certificate that the mail program makes by itself for an hour, as
Exim does when it has none, is not held to this.
"""

from auditor.evidence.access import AccessGreetings
from auditor.evidence.certificates import presented
from auditor.evidence.smtp import SmtpSessions, SubmissionSessions
from auditor.evidence.tls_trials import tls_doors
from auditor.model import (
    ByHand,
    Check,
    Failed,
    Family,
    Moment,
    NotApplicable,
    Passed,
    Severity,
    Unavailable,
    Verdict,
    counted,
    weigh,
)

DAYS = 14


def judge(
    moment: Moment,
    smtp: SmtpSessions | Unavailable,
    submission: SubmissionSessions | Unavailable,
    access: AccessGreetings | Unavailable,
) -> Verdict:
    """Days from the time of the scan, at every door with TLS."""
    doors, gaps = tls_doors(smtp, submission, access)
    if not doors and not gaps:
        return NotApplicable("nothing here speaks TLS")
    kept = [
        (one, one.certificate.days_left(moment.taken_at))
        for one in presented(doors)
        if one.certificate and not one.certificate.made_on_the_fly
    ]
    if not kept and not gaps:
        return NotApplicable("the mail program makes a certificate by itself whenever it needs one")
    ending = [(one, left) for one, left in kept if left < DAYS]
    return weigh(
        Failed(
            f"the certificate on {ending[0][0].where} {_when(ending[0][1])}",
            tuple(one.facts(_when(left)) for one, left in ending),
            severity=Severity.HIGH if any(left < 3 for _, left in ending) else None,
        )
        if ending
        else None,
        gaps,
        Passed(f"certificates last at least {DAYS} days at {counted(len(kept), 'door')} with TLS"),
    )


def _when(left: float) -> str:
    """In whole days, as people count them; never "in -1 days"."""
    days = round(abs(left))
    if days == 0:
        return "expired today" if left < 0 else "expires within a day"
    return f"expired {counted(days, 'day')} ago" if left < 0 else f"expires in {counted(days, 'day')}"


CHECK = Check.of(
    judge,
    family=Family.TLS,
    severity=Severity.MEDIUM,
    remedy=ByHand(
        "Renew the certificate now (certbot renew, lego renew, or your authority), reload every service that serves it, "
        "and find out why the timer did not: systemctl list-timers, journalctl -u certbot."
    ),
    runbook="keys",
    references=("RFC 8461 section 4.2",),
)
