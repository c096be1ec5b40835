"""Only TLS 1.2 and 1.3 are spoken, with ciphers that encrypt and authenticate.

TLS 1.0 and 1.1 are forbidden by RFC 8996, and programs that users log in with must not fall back to them. On port
25 old TLS is still better than none (RFC 7435), so there it weighs less; anonymous ciphers there weigh little, for
opportunistic TLS does not check certificates anyway. One outdated offer is made at a time. RC4, 3DES and SSL 3 are
missing from OpenSSL 3, so that this scan cannot offer them. Each offer takes a connection, and some servers count
those: of a port with several addresses one is made the first offer and another the second, with --thorough all.
"""

from auditor.evidence.access import AccessGreetings
from auditor.evidence.smtp import SmtpSessions, SubmissionSessions
from auditor.evidence.tls_trials import TlsTrials, tls_doors, worst_trial
from auditor.model import (
    Check,
    Failed,
    Family,
    NotApplicable,
    Passed,
    Playbook,
    Severity,
    Unavailable,
    Verdict,
    weigh,
)


def judge(
    trials: TlsTrials,
    smtp: SmtpSessions | Unavailable,
    submission: SubmissionSessions | Unavailable,
    access: AccessGreetings | Unavailable,
) -> Verdict:
    """What was accepted of the outdated offers."""
    doors, gaps = tls_doors(smtp, submission, access)
    if not doors and not gaps:
        return NotApplicable("nothing here speaks TLS")
    accepted = tuple(trial for trial in trials.trials if trial.accepted)
    first = accepted[0].observation if accepted else {}
    return weigh(
        Failed(
            f"{first['address']} port {first['port']} accepts {first['accepted']}",
            tuple(trial.observation for trial in accepted),
            severity=worst_trial(accepted),
        )
        if accepted
        else None,
        (*gaps, *(trial.unseen for trial in trials.trials if trial.unseen)),
        Passed(f"{len(trials.trials)} outdated offers were refused"),
    )


CHECK = Check.of(
    judge,
    family=Family.TLS,
    severity=Severity.HIGH,
    remedy=Playbook("tls"),
    runbook="keys",
    references=("RFC 8996", "RFC 9325 section 4.1", "RFC 7435"),
)
