"""What the TLSA records promise is what port 25 presents.

A sender with DANE (RFC 7672) delivers to nobody else: after a renewal with a new key and an old record the mail
of Comcast, of German and Dutch providers and of whole governments waits and then bounces, while everything else
works. Usage 3 compares the key alone: an expired or self-signed certificate is right there. Usage 2 wants name
and dates as well. Records in a zone that does not validate make such senders defer all mail.
"""

from auditor.evidence.dane import TlsaRecords, compare
from auditor.evidence.smtp import SmtpSessions
from auditor.model import (
    Check,
    Failed,
    Family,
    Host,
    Inconclusive,
    Moment,
    NotApplicable,
    Passed,
    Playbook,
    Reason,
    Severity,
    Verdict,
    weigh,
)

SIGN = "Mend the signatures of the zone or its DS at the parent first: until then senders with DANE can deliver nothing."
OFFER = "Let port 25 offer STARTTLS again (playbook tls), or take the TLSA records away until it does."


def judge(tlsa: TlsaRecords, sessions: SmtpSessions, host: Host, moment: Moment) -> Verdict:
    """At every address at least one record is met."""
    seen = tuple({"tlsa": str(record)} for record in tlsa.records)
    if tlsa.bogus:
        return Failed(f"{tlsa.name} does not validate: senders with DANE defer all mail", seen, by_hand=SIGN)
    if not tlsa.records:
        return NotApplicable("no TLSA record is published for port 25")
    if not any(record.usable for record in tlsa.records):
        return Failed("no TLSA record is of a kind that SMTP knows", seen, severity=Severity.MEDIUM)
    view = compare(tlsa, sessions, host.name, moment.taken_at)
    bad = (
        Failed(
            view.refusing[0],
            (*({"fault": text} for text in view.refusing), *seen),
            by_hand=OFFER if "no STARTTLS" in view.refusing[0] else None,
        )
        if view.refusing
        else None
    )
    if bad is None and not (tlsa.secure and tlsa.host_secure):
        return Inconclusive(
            "the records fit, but this resolver does not vouch for them: either the zone of the host is unsigned, "
            "so that senders ignore them, or the resolver does not validate",
            Reason.UNSUPPORTED,
            seen,
        )
    return weigh(bad, view.unseen, Passed("the certificate matches the TLSA records", seen))


CHECK = Check.of(
    judge,
    family=Family.TRANSPORT_POLICY,
    severity=Severity.HIGH,
    remedy=Playbook("authentication-records"),
    runbook="keys",
    references=("RFC 7672 section 2.2", "RFC 7672 section 3.1", "RFC 7671 section 5"),
)
