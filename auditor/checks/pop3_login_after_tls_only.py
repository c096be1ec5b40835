"""POP3 takes no password before TLS.

A mail program that is set to "TLS if available" sends the password in clear when anybody on the way removes the
offer of STARTTLS. A server that refuses to log in before TLS makes the attempt useless and the fault visible.
Looked at: the answer to CAPA and to USER at 110; no password is sent.
"""

from auditor.evidence.access import AccessGreetings, judge_port
from auditor.model import ByHand, Check, Family, Severity, Verdict

PORT = 110


def judge(access: AccessGreetings) -> Verdict:
    """Capabilities and greeting before TLS."""
    return judge_port(access, PORT)


CHECK = Check.of(
    judge,
    family=Family.ACCESS,
    severity=Severity.CRITICAL,
    remedy=ByHand(
        "Dovecot 2.3: `disable_plaintext_auth = yes`; 2.4: `auth_allow_cleartext = no`; in both "
        "`ssl = required`. Then `doveconf -n`, `systemctl reload dovecot`"
    ),
    runbook="keys",
    references=("RFC 8314 section 3.2", "RFC 2595 section 2.3"),
)
