"""Users can hand in their mail, with a login and within TLS.

Without a submission service, users send through port 25, which most access providers block, or through somebody
else's server, which breaks SPF and DKIM. Asked of hosts that serve users: 465 (TLS from the start) or 587.
OpenSMTPD 6.8 with the OpenSSL 3 of Debian 12 cannot have one: it breaks every TLS session that it accepts.
"""

from auditor.evidence.disk_certificates import CertificatesOnDisk
from auditor.evidence.mta_package import MtaPackage
from auditor.evidence.roles import HostRoles, Role
from auditor.evidence.smtp import SubmissionSessions, open_doors, unseen_doors
from auditor.evidence.smtp_steps import login_offered
from auditor.model import (
    Check,
    Failed,
    Family,
    Inconclusive,
    NotApplicable,
    Observation,
    Passed,
    Playbook,
    Reason,
    Severity,
    Unavailable,
    Verdict,
)

NO_TLS_HERE = (
    "This OpenSMTPD breaks every inbound TLS handshake, so users cannot log in to it, and no setting mends that: upgrade to "
    "Debian 13, or take OpenSMTPD 7.4 from bookworm-backports; then run the playbook submission."
)


NO_CERTIFICATE: Observation = {
    "certificate": "none",
    "why": "no mail program of this host is told to use one",
}
"""Seen on the host: the repair has to be told where there is one."""


def judge(
    roles: HostRoles,
    submission: SubmissionSessions,
    package: MtaPackage | Unavailable,
    certificates: CertificatesOnDisk | Unavailable,
) -> Verdict:
    """One door with AUTH within TLS is enough."""
    shut = [u for u in unseen_doors(submission.doors) if u.reason is Reason.UNREACHABLE]
    if not roles.declared and shut and len(shut) == len(submission.doors):
        return Inconclusive(shut[0].detail, shut[0].reason)  # then what it serves is not known either
    if not roles.serves(Role.SUBMISSION, Role.MAILBOX):
        return NotApplicable("the host serves no users")
    good = [door.where for door, session in open_doors(submission.doors) if login_offered(session)]
    if good:
        return Passed(f"AUTH within TLS is offered on {good[0]}")
    unseen = [u for u in unseen_doors(submission.doors) if u.reason is not Reason.REFUSED]
    doors: tuple[Observation, ...] = tuple(
        {"address": door.address, "port": door.port} for door in submission.doors
    )
    bad = Failed(
        "neither 465 nor 587 offers AUTH within TLS",
        (*doors, NO_CERTIFICATE) if certificates == CertificatesOnDisk() else doors,
        by_hand=NO_TLS_HERE if isinstance(package, MtaPackage) and package.breaks_tls else None,
    )
    return Inconclusive(unseen[0].detail, unseen[0].reason) if unseen else bad


CHECK = Check.of(
    judge,
    family=Family.ACCESS,
    severity=Severity.MEDIUM,
    remedy=Playbook("submission"),
    runbook="silent-failure",
    references=("RFC 6409 section 3.1", "RFC 8314 section 3.3"),
)
