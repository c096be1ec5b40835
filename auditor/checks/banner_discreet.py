"""The greeting does not show the exact version.

Scanners index greetings; on the day a hole becomes known, the hosts with that version are attacked first. The
name of the program alone does no harm and helps other postmasters.
"""

from auditor.evidence.smtp import SmtpSessions, open_doors, unseen_doors
from auditor.evidence.smtp_steps import version_shown
from auditor.model import Check, Failed, Family, Passed, Playbook, Severity, Verdict, weigh


def judge(sessions: SmtpSessions) -> Verdict:
    """The greeting of each address."""
    shown = tuple(
        {"address": door.address, "version": version, "banner": session.banner.text}
        for door, session in open_doors(sessions.doors)
        if (version := version_shown(session.banner.text))
    )
    return weigh(
        Failed(f"the greeting shows {shown[0]['version']}", shown) if shown else None,
        unseen_doors(sessions.doors),
        Passed("the greeting shows no version"),
    )


CHECK = Check.of(
    judge,
    family=Family.SMTP,
    severity=Severity.INFO,
    remedy=Playbook("smtp-hygiene"),
    runbook="maintenance-round",
    references=("RFC 5321 section 4.3.1",),
)
