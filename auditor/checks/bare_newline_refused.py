"""A message ends only where the standard says so.

A server that takes a dot between bare newlines for the end of a message lets a stranger put a second message, from
any sender, into one that another server vouched for (SMTP smuggling, CVE-2023-51764, -51765, -51766). Postfix before
3.9 does so by default. One message goes to your canary, with false ends in its body and a NOOP behind each: a server
that answers once is safe, one that answers the NOOP is not. Without --canary nothing is sent; from inside, smtpd_forbid_bare_newline of Postfix answers too.
"""

from auditor.evidence.mta_settings import MtaSettings
from auditor.evidence.postfix import takes_bare_newlines
from auditor.evidence.synchronisation import BareNewline, Smuggling
from auditor.model import (
    Check,
    Failed,
    Family,
    Inconclusive,
    Passed,
    Playbook,
    Severity,
    Unavailable,
    Verdict,
)


def judge(newline: BareNewline | Unavailable, settings: MtaSettings | Unavailable) -> Verdict:
    """How many replies one message got; else, for Postfix, what its configuration says."""
    if isinstance(newline, Unavailable):
        return _configured(settings) or Inconclusive(newline.detail, newline.reason)
    observed = ({"address": newline.address, "replies": " / ".join(str(r) for r in newline.replies)},)
    if newline.verdict is Smuggling.EXECUTED:
        return Failed("a command behind a bare newline was executed: mail can be smuggled in", observed)
    if newline.verdict is Smuggling.ENDED:
        return Failed(
            "a bare newline ends a message, though what followed was refused", observed, severity=Severity.LOW
        )
    return Passed(f"bare newlines: {newline.verdict.value}", observed)


def _configured(settings: MtaSettings | Unavailable) -> Verdict | None:
    if isinstance(settings, Unavailable) or settings.postfix is None:
        return None
    value = settings.postfix.get("smtpd_forbid_bare_newline")
    observed = ({"smtpd_forbid_bare_newline": value},)
    match takes_bare_newlines(settings.postfix):
        case True:
            return Failed(
                "Postfix takes bare newlines for ends of lines (smtpd_forbid_bare_newline = no)", observed
            )
        case False:
            return Passed(
                f"Postfix does not take bare newlines as they come: smtpd_forbid_bare_newline = {value}",
                observed,
            )
        case None:
            return None


CHECK = Check.of(
    judge,
    family=Family.SMTP,
    severity=Severity.HIGH,
    remedy=Playbook("smtp-hygiene"),
    runbook="maintenance-round",
    references=("RFC 5321 section 2.3.8", "CVE-2023-51764", "CVE-2023-51765", "CVE-2023-51766"),
)
