"""Every name that the domain's mail depends on exists.

An MX host, an SPF include, a DKIM key or a client name by CNAME that points at a name which is gone is an
invitation: whoever registers that name receives the mail, sends as the domain, or signs for it.
"""

from auditor.evidence.zone import MailNames
from auditor.model import (
    ByHand,
    Check,
    Failed,
    Family,
    Inconclusive,
    NotApplicable,
    Passed,
    Severity,
    Verdict,
    counted,
)


def judge(names: MailNames) -> Verdict:
    """No target ends in NXDOMAIN."""
    gone = tuple(
        {"name": n.name, "used as": n.why, "does not exist": n.missing} for n in names.names if n.missing
    )
    if gone:
        return Failed(
            f"{gone[0]['does not exist']} does not exist, yet is used as {gone[0]['used as']}", gone
        )
    blind = next((n for n in names.names if n.unknown), None)
    if blind is not None and blind.unknown is not None:
        return Inconclusive(f"{blind.name}: {blind.unknown.detail}", blind.unknown.reason)
    if not names.names:
        return NotApplicable("no record of the domain points at another name")
    return Passed(f"{counted(len(names.names), 'name')} in the records of the domain, none of them gone")


CHECK = Check.of(
    judge,
    family=Family.DNS,
    severity=Severity.HIGH,
    remedy=ByHand(
        "Remove the record that points at the missing name today, or register the name today if the domain still needs it. Then look in the mail log for mail that went there."
    ),
    runbook="name-resolution",
    references=("RFC 8020",),
)
