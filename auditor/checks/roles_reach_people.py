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
    rows = [{"role": role, "fault": fault} for role in ROLES if (fault := _fault(aliases, role))]
    if not rows:
        return Passed("postmaster and abuse end with somebody")
    summary = "; ".join(f"{row['role']}: {row['fault']}" for row in rows)
    # The repair leads both to root; where nobody reads root's mail either, it has to be told a reader.
    if fault := _fault(aliases, "root"):
        rows.append({"role": "root", "fault": fault})
    return Failed(summary, tuple(rows))


def _fault(aliases: Aliases, role: str) -> str:
    ends = aliases.ends(role)
    if role in ends:
        return "no alias"
    return "ends with " + ", ".join(sorted(ends)) + ", which nobody reads" if ends <= NOBODY else ""


CHECK = Check.of(
    judge,
    family=Family.ROLES,
    severity=Severity.HIGH,
    remedy=Playbook("role-addresses"),
    runbook="contacts",
    references=("RFC 2142", "RFC 5321 4.5.1"),
)
