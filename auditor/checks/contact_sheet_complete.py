"""Everybody whom an incident needs is on the contact sheet, with a telephone number.

At night nobody looks up who owns the server, who is on call, who answers for abuse, or how to reach the provider; and when
mail is what has failed, a mail address helps nobody. Whoever warned about an open relay found that neither the
owner nor the provider could be reached by the way they publish (incident 002). The sheet is `mail_contacts` in the inventory.
"""

from auditor.evidence.contacts import has_phone
from auditor.model import (
    ByHand,
    Check,
    Domain,
    Failed,
    Family,
    Inconclusive,
    Passed,
    Reason,
    Severity,
    Verdict,
)

NEEDED = (("owner",), ("oncall",), ("abuse",), ("isp", "provider"))


def judge(domain: Domain) -> Verdict:
    """The roles that every runbook calls, by any of their names."""
    sheet = {role.lower(): text for role, text in domain.declared.contacts}
    if not sheet:
        return Inconclusive("nobody is named who is called in an incident", Reason.NOT_DECLARED)
    rows = []
    for names in NEEDED:
        texts = [sheet[name] for name in names if name in sheet]
        if not texts:
            rows.append({"role": names[0], "fault": "is not named"})
        elif not any(has_phone(text) for text in texts):
            rows.append({"role": names[0], "fault": "has no telephone number"})
    if rows:
        return Failed("; ".join(f"{row['role']} {row['fault']}" for row in rows), tuple(rows))
    return Passed(f"{len(sheet)} contacts, with the telephone numbers that an incident needs")


CHECK = Check.of(
    judge,
    family=Family.CONTINUITY,
    severity=Severity.MEDIUM,
    remedy=ByHand(
        "Fill in mail_contacts in the inventory: owner, oncall, abuse and isp, each with a telephone number, as "
        "inventory.example.yml shows. Print the sheet and keep it where no server is needed to read it."
    ),
    runbook="contacts",
    references=("NIST SP 800-61 Rev. 2 section 3.1.1", "RFC 2142 section 1"),
    asks="mail_contacts",
)
