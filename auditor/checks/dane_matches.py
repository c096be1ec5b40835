"""What the TLSA records promise is what port 25 presents.

A sender with DANE (RFC 7672) delivers to nobody else: after a renewal with a new key and an old record the mail
of Comcast, of German and Dutch providers and of whole governments waits and then bounces, while everything else
works. Usage 3 compares the key alone: an expired or self-signed certificate is right there. Usage 2 wants name
and dates as well. Records in a zone that does not validate make such senders defer all mail.
"""

from auditor.evidence.dane import TlsaRecords, compare
from auditor.evidence.smtp import SmtpSessions
from auditor.model import (
    ByHand,
    Check,
    Failed,
    Family,
    Host,
    Inconclusive,
    Moment,
    NotApplicable,
    Passed,
    Reason,
    Severity,
    Verdict,
    weigh,
)


def judge(tlsa: TlsaRecords, sessions: SmtpSessions, host: Host, moment: Moment) -> Verdict:
    """At every address at least one record is met."""
    seen = tuple({"tlsa": str(record)} for record in tlsa.records)
    if tlsa.bogus:
        return Failed(f"{tlsa.name} does not validate: senders with DANE defer all mail", seen)
    if not tlsa.records:
        return NotApplicable("no TLSA record is published for port 25")
    if not any(record.usable for record in tlsa.records):
        return Failed("no TLSA record is of a kind that SMTP knows", seen, severity=Severity.MEDIUM)
    view = compare(tlsa, sessions, host.name, moment.taken_at)
    bad = (
        Failed(view.refusing[0], (*({"fault": text} for text in view.refusing), *seen))
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
    remedy=ByHand(
        "Publish TLSA 3 1 1 of the key that port 25 really uses: openssl x509 -in CERT -pubkey -noout | "
        "openssl pkey -pubin -outform DER | sha256sum. Add it beside the old record, wait two TTLs, then take the "
        "old one away. Do not change the certificate before its record has been out for two TTLs."
    ),
    runbook="keys",
    references=("RFC 7672 section 2.2", "RFC 7672 section 3.1", "RFC 7671 section 5"),
)
