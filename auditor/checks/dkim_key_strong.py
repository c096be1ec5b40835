"""Every published DKIM key is strong and can be used.

Verifiers must reject RSA below 1024 bits and ignore SHA-1 (RFC 8301); 1024 bits are within reach of a
determined forger, 2048 are the rule. An Ed25519 key alone leaves out the many verifiers that only know RSA
(RFC 8463). A revoked key, one with an empty p=, is a good thing and no finding.
"""

from collections.abc import Iterator

from auditor.evidence.dkim import DkimKeys, without_fault
from auditor.model import (
    Check,
    Failed,
    Family,
    Passed,
    Playbook,
    Severity,
    Verdict,
)


def _faults(keys: DkimKeys) -> Iterator[tuple[Severity, str, str]]:
    for key in keys.keys:
        if key.problem:
            yield Severity.HIGH, key.selector, key.problem
        elif key.hashes and "sha256" not in key.hashes:
            yield Severity.HIGH, key.selector, f"only {', '.join(key.hashes)} is allowed, sha256 is not"
        elif key.algorithm == "rsa" and key.public and key.bits < 1024:
            yield Severity.HIGH, key.selector, f"RSA with {key.bits} bits, verifiers reject it"
        elif key.algorithm == "rsa" and key.public and key.bits < 2048:
            yield Severity.MEDIUM, key.selector, f"RSA with {key.bits} bits, 2048 are the rule"
    if keys.usable and all(key.algorithm == "ed25519" for key in keys.usable) and keys.declared:
        yield Severity.MEDIUM, keys.usable[0].selector, "Ed25519 without an RSA key beside it"


def judge(keys: DkimKeys) -> Verdict:
    """The worst fault of all keys that were found."""
    faults = sorted(_faults(keys), key=lambda fault: fault[0].rank)
    if faults:
        severity, selector, fault = faults[0]
        observed = tuple({"selector": s, "fault": text} for _, s, text in faults)
        return Failed(f"selector {selector}: {fault}", observed, severity=severity)
    seen = tuple({"selector": key.selector} for key in keys.keys)
    return without_fault(keys, keys.keys, Passed("every key that was found is strong", seen))


CHECK = Check.of(
    judge,
    family=Family.DKIM,
    severity=Severity.HIGH,
    remedy=Playbook("dkim-signing"),
    runbook="keys",
    references=("RFC 8301 section 3", "RFC 8463", "RFC 6376 section 3.6.1"),
)
