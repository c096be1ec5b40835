"""The certificate names the host and is trusted.

Mail programs of users refuse to connect, or teach their users to click warnings away, when it is not. Between mail
servers TLS is opportunistic: a self-signed certificate on port 25 keeps no mail away unless the domain publishes
MTA-STS, so there it weighs little. Expired ones weigh more, for they show that nobody renews them.
The chain is verified against the certificate authorities of the machine that scans, the name against the
subject alternative names. A TLSA record of usage 3 that matches vouches for any certificate on port 25: then neither
name nor date nor signer count there (RFC 7672 section 3.1.1).
"""

from auditor.evidence.access import AccessGreetings
from auditor.evidence.certificates import Presented, presented
from auditor.evidence.dane import TlsaRecords, vouched_for
from auditor.evidence.smtp import SmtpSessions, SubmissionSessions
from auditor.evidence.tls_trials import SMTP_PORT, tls_doors
from auditor.model import (
    ByHand,
    Check,
    Failed,
    Family,
    Host,
    Moment,
    NotApplicable,
    Passed,
    Severity,
    Unavailable,
    Verdict,
    counted,
    weigh,
)


def judge(
    host: Host,
    moment: Moment,
    smtp: SmtpSessions | Unavailable,
    submission: SubmissionSessions | Unavailable,
    access: AccessGreetings | Unavailable,
    dane: TlsaRecords | Unavailable,
) -> Verdict:
    """Every door with TLS."""
    doors, gaps = tls_doors(smtp, submission, access)
    if not doors and not gaps:
        return NotApplicable("nothing here speaks TLS")
    faulty = [
        (one, fault)
        for one in sorted(presented(doors), key=_for_mail_hosts)  # what weighs more is told first
        if not (_for_mail_hosts(one) and vouched_for(dane, one.door.session.chain))
        for fault in one.faults(host.name, moment.taken_at)
    ]
    for_users = any(not _for_mail_hosts(one) for one, _ in faulty)
    expired = any(fault.startswith("expired") for _, fault in faulty)
    on_25 = Severity.MEDIUM if expired else Severity.LOW
    return weigh(
        Failed(
            f"the certificate on {faulty[0][0].where} is not good: {faulty[0][1]}",
            tuple(one.facts(fault) for one, fault in faulty),
            severity=None if for_users else on_25,
        )
        if faulty
        else None,
        gaps,
        Passed(f"trusted certificates for {host.name} at {counted(len(doors), 'door')} with TLS"),
    )


def _for_mail_hosts(one: Presented) -> bool:
    """At port 25, where TLS is opportunistic; the other doors are for mail programs of users."""
    return one.door.port == SMTP_PORT


CHECK = Check.of(
    judge,
    family=Family.TLS,
    severity=Severity.HIGH,
    remedy=ByHand(
        "Get a certificate of a public authority for the name that clients ask for, with the whole chain in the file, "
        "configure it for each service (smtpd_tls_chain_files, MAIN_TLS_CERTIFICATE, pki, confSERVER_CERT, ssl_cert), "
        "reload, and scan again."
    ),
    runbook="keys",
    references=("RFC 9525", "RFC 8461 section 4.2", "RFC 7435"),
)
