"""Mail for postmaster and abuse ends with a person.

On stock systems it ends in root's mailbox, which nobody opens; OpenSMTPD even refuses to deliver to root after it has
accepted the mail. The alias file is followed to its ends.
"""

from auditor.evidence.system import Aliases
from auditor.model import Check, Failed, Family, Passed, Playbook, Severity, Verdict

ROLES = ("postmaster", "abuse")
NOBODY = {"root", "nobody", "/dev/null", "mailer-daemon"}


def judge(aliases: Aliases) -> Verdict:
    """Each role is an alias, and one of its ends is an address, a program or an account that is not root."""
    rows = []
    for role in ROLES:
        ends = aliases.ends(role)
        if ends <= NOBODY or role in ends:
            why = (
                "no alias"
                if role in ends
                else "ends with " + ", ".join(sorted(ends)) + ", which nobody reads"
            )
            rows.append({"role": role, "fault": why})
    if rows:
        return Failed("; ".join(f"{row['role']}: {row['fault']}" for row in rows), tuple(rows))
    return Passed("postmaster and abuse end with somebody")


CHECK = Check.of(
    judge,
    family=Family.ROLES,
    severity=Severity.HIGH,
    remedy=Playbook("role-addresses"),
    runbook="contacts",
    references=("RFC 2142", "RFC 5321 4.5.1"),
)
