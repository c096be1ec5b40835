"""The TLSA records survive the next renewal of the certificate.

A hash of the whole certificate is wrong the minute it is renewed. A hash of the key lasts as long as the key. The
safe state has two: the key in use and the next one, or the issuer beside the key (RFC 7671 section 8.4), with a
TTL short enough to wait for twice. The playbook publishes the keys that `authentication_records_next_keys` names beside the one
in use, and takes a former one away when nothing presents it any more; without a next key, let the renewal keep
the key (certbot: `--reuse-key`).
"""

from auditor.evidence.dane import DANE_TA, TlsaRecords, compare
from auditor.evidence.smtp import SmtpSessions
from auditor.model import (
    Check,
    Failed,
    Family,
    Host,
    Inconclusive,
    Moment,
    NotApplicable,
    Observation,
    Passed,
    Playbook,
    Reason,
    Severity,
    Verdict,
)

LONGEST = 86400
"""Seconds. A rollover waits for twice the TTL."""


def judge(tlsa: TlsaRecords, sessions: SmtpSessions, host: Host, moment: Moment) -> Verdict:
    """What the records in use are made of, and whether the next one is there."""
    view = compare(tlsa, sessions, host.name, moment.taken_at)
    seen: tuple[Observation, ...] = tuple(
        {"tlsa": str(record), "in use": record in view.met} for record in tlsa.records
    )
    if not view.met:
        if view.unseen and tlsa.records:
            return Inconclusive(view.unseen[0].detail, view.unseen[0].reason)
        return NotApplicable("no TLSA record is in use")
    if tlsa.ttl > LONGEST:
        return Failed(f"senders keep the TLSA records for {tlsa.ttl} s", seen)
    spare = any(record.usable and record not in view.met for record in tlsa.records)
    if spare or any(record.usage == DANE_TA for record in view.met):
        return Passed("the next key or the issuer is published beside the key in use", seen)
    if all(record.selector == 0 for record in view.met):
        return Failed(
            "the only record in use is a hash of the whole certificate: the next renewal breaks it", seen
        )
    return Inconclusive(
        "one record, of the key in use: whether the next renewal keeps that key cannot be seen from outside",
        Reason.NOT_ASKED,
        seen,
    )


CHECK = Check.of(
    judge,
    family=Family.TRANSPORT_POLICY,
    severity=Severity.MEDIUM,
    remedy=Playbook("authentication-records"),
    runbook="keys",
    references=("RFC 7671 section 8", "RFC 7672 section 3.1.1"),
)
