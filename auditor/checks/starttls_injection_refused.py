"""Nothing that came before TLS counts within it.

A command in clear, in the same packet as STARTTLS, must be thrown away. Where it is executed after the handshake,
somebody on the way can put commands into a session that looks safe (CVE-2011-0411; the study "NO STARTTLS" of 2021
found it again in a dozen programs). Tried with NOOP at 25 and 587.
"""

from auditor.evidence.smtp import SmtpSessions, open_doors, unseen_doors
from auditor.evidence.smtp_steps import why_no_tls
from auditor.evidence.synchronisation import StarttlsInjection, observed_injections
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
    weigh,
)


def judge(injection: StarttlsInjection, smtp: SmtpSessions) -> Verdict:
    """Every door with STARTTLS."""
    broken = [why_no_tls(session) for _, session in open_doors(smtp.doors)]
    gaps = [*unseen_doors(smtp.doors), *(why for why in broken if why is not None)]
    if not injection.trials and not gaps:
        return NotApplicable("STARTTLS is not offered")
    executed = tuple(observed_injections(injection))
    return weigh(
        Failed(
            f"a command sent in clear was executed within TLS on {executed[0]['address']} port {executed[0]['port']}",
            executed,
        )
        if executed
        else None,
        (*gaps, *(t.result for t in injection.trials if isinstance(t.result, Unavailable))),
        Passed("what was sent before TLS was thrown away"),
    )


CHECK = Check.of(
    judge,
    family=Family.SMTP,
    severity=Severity.HIGH,
    remedy=ByHand(
        "Install the security updates of the mail program and restart it; the fault is in the program (CVE-2011-0411 and "
        "its kin), no setting mends it. Until then close the port to everyone who can do without it."
    ),
    runbook="maintenance-round",
    references=("RFC 3207 section 4.2", "CVE-2011-0411"),
)
