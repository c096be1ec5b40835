"""One account can send only so much a day.

A stolen password sends until somebody notices: the botnet of incident 000 sent through real accounts for a weekend, and the whole
provider was blocklisted for it. A limit per login and day bounds the harm of every theft. Limits per client address, such
as Postfix's own, do not: a botnet has many. Read from the program that the mail program asks, not from what is installed.
"""

from auditor.evidence.mta_settings import MtaSettings, takes_logins
from auditor.evidence.sending_limits import SendingLimits, in_force
from auditor.evidence.units import MailHelpers
from auditor.model import (
    Check,
    Failed,
    Family,
    Host,
    Inconclusive,
    NotApplicable,
    Passed,
    Playbook,
    Reason,
    Severity,
    Verdict,
)

MOST = 10_000
"""A day, where mail_limits says nothing: more than any person writes, and enough for a blocklist."""
BY_HAND = (
    "The program counts nothing for one account by itself: install rspamd and redis-server, write a ratelimit bucket with "
    'selector = "user.lower" and rate = "500 / 1d" into /etc/rspamd/local.d/ratelimit.conf, and connect it '
    "(OpenSMTPD: opensmtpd-filter-rspamd on the listener with auth; Sendmail: INPUT_MAIL_FILTER on port 11332)."
)


def judge(settings: MtaSettings, helpers: MailHelpers, files: SendingLimits, host: Host) -> Verdict:
    """The strictest limit counts, against mail_limits where the inventory has it."""
    if not takes_logins(settings):
        return NotApplicable("nobody can log in to send")
    seen = in_force(settings, helpers, files)
    rows = tuple({"program": limit.program, "limit": limit.text} for limit in seen.limits)
    by_hand = BY_HAND if settings.opensmtpd or settings.sendmail else None
    allowed = dict(host.declared.limits).get("per_day", MOST)
    if seen.limits:
        most = min(limit.per_day for limit in seen.limits)
        if most <= allowed:
            return Passed(f"one account sends at most {most} a day", rows)
        return Failed(
            f"one account may send {most} a day, which is more than {allowed}", rows, by_hand=by_hand
        )
    if seen.opaque:
        return Inconclusive(
            f"{seen.opaque[0]} may limit what an account sends; its rules are not known here",
            Reason.UNSUPPORTED,
        )
    return Failed("nothing limits what one account sends", by_hand=by_hand)


CHECK = Check.of(
    judge,
    family=Family.MTA,
    severity=Severity.HIGH,
    remedy=Playbook("outbound-limits"),
    runbook="outbound-spam",
    references=("M3AAWG Sender Best Common Practices", "postfwd(8)", "Exim specification, 44.39"),
)
