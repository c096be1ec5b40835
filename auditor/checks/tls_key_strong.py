"""Keys and signatures of certificates are of today's strength.

RSA below 2048 bits and signatures with SHA-1 or MD5 can be forged by those who can pay for it; strict receivers and
current OpenSSL (security level 2) refuse such a host, so that mail stays away.
"""

from auditor.evidence.access import AccessGreetings
from auditor.evidence.certificates import presented, weaknesses
from auditor.evidence.smtp import SmtpSessions, SubmissionSessions
from auditor.evidence.tls_trials import tls_doors
from auditor.model import (
    ByHand,
    Check,
    Failed,
    Family,
    NotApplicable,
    Passed,
    Severity,
    Unavailable,
    Verdict,
    counted,
    weigh,
)


def judge(
    smtp: SmtpSessions | Unavailable,
    submission: SubmissionSessions | Unavailable,
    access: AccessGreetings | Unavailable,
) -> Verdict:
    """The leaf at every door with TLS."""
    doors, gaps = tls_doors(smtp, submission, access)
    if not doors and not gaps:
        return NotApplicable("nothing here speaks TLS")
    weak = [
        (one, fault) for one in presented(doors) if one.certificate for fault in weaknesses(one.certificate)
    ]
    return weigh(
        Failed(
            f"the certificate on {weak[0][0].where} has {weak[0][1]}",
            tuple(one.facts(fault) for one, fault in weak),
        )
        if weak
        else None,
        gaps,
        Passed(f"strong keys and signatures at {counted(len(doors), 'door')} with TLS"),
    )


CHECK = Check.of(
    judge,
    family=Family.TLS,
    severity=Severity.MEDIUM,
    remedy=ByHand(
        "Make a new key (RSA 2048 or P-256 at least), have a certificate issued for it, configure both, reload. With DANE, "
        "publish its TLSA record two TTLs before."
    ),
    runbook="keys",
    references=("RFC 9325 section 4.5", "RFC 9155"),
)
