"""The certificate that is served is the one on disk.

A renewal that no program reloaded shows on the day the old certificate expires. Compared by fingerprint with the files
that the mail programs are told to use; private keys are not read.
"""

from auditor.evidence.disk_certificates import CertificatesOnDisk, fingerprint
from auditor.evidence.smtp import SmtpSessions, SubmissionSessions, open_doors
from auditor.evidence.tls import TlsSession
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
    Unavailable,
    Verdict,
)


def judge(
    disk: CertificatesOnDisk, smtp: SmtpSessions, submission: SubmissionSessions | Unavailable
) -> Verdict:
    """Each served leaf must be the first certificate of one of the files."""
    doors = smtp.doors + (() if isinstance(submission, Unavailable) else submission.doors)
    served = {
        door.where: fingerprint(session.tls.chain[0])
        for door, session in open_doors(doors)
        if isinstance(session.tls, TlsSession) and session.tls.chain
    }
    if not served:
        return NotApplicable("no certificate is served at the mail ports")
    known = {digest: path for path, digest in disk.files}
    bad = tuple({"where": where, "sha256": digest} for where, digest in served.items() if digest not in known)
    if bad and not known and disk.in_memory:
        return NotApplicable("Exim is told no certificate file and makes a certificate of its own")
    if bad and not known:
        return Inconclusive(
            "no certificate file was found in the settings of the mail programs", Reason.UNSUPPORTED, bad
        )
    if bad:
        return Failed(
            "another certificate than on disk is served at " + ", ".join(row["where"] for row in bad), bad
        )
    return Passed(
        f"{len(served)} ports serve the certificate on disk",
        tuple({"file": p} for p in sorted(set(known.values()))),
    )


CHECK = Check.of(
    judge,
    family=Family.TLS,
    severity=Severity.MEDIUM,
    remedy=ByHand(
        "The service still serves what it read at its start: reload or restart it (postfix reload, doveadm reload, "
        "systemctl restart of Exim, OpenSMTPD or Sendmail), and add that to the renewal hook of the certificate."
    ),
    runbook="keys",
    references=("RFC 8446 4.4.2",),
)
