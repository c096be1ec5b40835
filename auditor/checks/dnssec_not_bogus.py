"""DNSSEC of the domain and of its MX hosts validates.

A zone whose signatures are wrong or expired does not exist for validating resolvers: their senders find no MX
and no key, and mail waits, then bounces. An unsigned zone is no fault. To tell a bogus zone from a dead server
the same question is asked with checking disabled: what is then answered was refused for its signatures alone.
"""

from auditor.evidence.zone import Trust, ZoneValidation
from auditor.model import (
    ByHand,
    Check,
    Failed,
    Family,
    Inconclusive,
    NotApplicable,
    Passed,
    Reason,
    Severity,
    Verdict,
)


def judge(validation: ZoneValidation) -> Verdict:
    """No name is bogus, and the resolver is one that would notice."""
    seen = tuple({"name": n.name, "record": n.kind, "dnssec": n.trust} for n in validation.names if n.trust)
    bogus = tuple({"name": n.name, "record": n.kind} for n in validation.names if n.trust is Trust.BOGUS)
    if bogus:
        return Failed(f"{bogus[0]['name']} does not validate: to many senders it does not exist", bogus)
    blind = next((n for n in validation.names if n.unknown), None)
    if blind is not None and blind.unknown is not None:
        return Inconclusive(f"{blind.name}: {blind.unknown.detail}", blind.unknown.reason)
    secure = any(n.trust is Trust.SECURE for n in validation.names)
    if validation.signed and validation.names[0].trust is not Trust.SECURE:
        return Inconclusive(
            "the zone is signed, but this resolver does not validate: use --nameserver with one that does",
            Reason.UNSUPPORTED,
        )
    if not secure:
        return NotApplicable("neither the domain nor its MX hosts are signed")
    return Passed("what is signed validates", seen)


CHECK = Check.of(
    judge,
    family=Family.DNS,
    severity=Severity.HIGH,
    remedy=ByHand(
        "Sign the zone again, or publish the DS of the key that is in use at the registry. If neither is possible now, have the registry remove the DS: unsigned is better than bogus. Then wait for the TTL of the DS and scan again."
    ),
    runbook="name-resolution",
    references=(
        "RFC 4035 section 4.3",
        "RFC 7672 section 2.1.1",
    ),
)
