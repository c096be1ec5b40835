"""A dead filter delays mail, it does not wave it through.

When a milter dies, the mail program either asks the sender to come back later or accepts unfiltered. The second lets a
night's spam and viruses in, and out, without a signature.
"""

from auditor.evidence.mta_settings import MtaSettings, helper_sockets
from auditor.model import ByHand, Check, Failed, Family, NotApplicable, Passed, Severity, Verdict


def judge(settings: MtaSettings) -> Verdict:
    """Postfix: milter_default_action. Sendmail: F=T or F=R of each filter."""
    if settings.postfix and (
        settings.postfix.get("smtpd_milters") or settings.postfix.get("non_smtpd_milters")
    ):
        action = settings.postfix.get("milter_default_action")
        row = ({"milter_default_action": action},)
        return (
            Passed("a dead milter delays mail", row)
            if action in _SAFE
            else Failed(f"a dead milter means {action}", row)
        )
    if settings.sendmail and settings.sendmail.milters:
        bad = tuple(
            {"filter": socket, "F": flags} for socket, flags in settings.sendmail.milters if not flags
        )
        return (
            Failed("mail passes when a filter is dead", bad) if bad else Passed("a dead filter delays mail")
        )
    return NotApplicable(
        "no milter is in use" if not helper_sockets(settings) else "no milter among the helpers"
    )


_SAFE = {"tempfail", "reject", "quarantine", "shutdown"}


CHECK = Check.of(
    judge,
    family=Family.MTA,
    severity=Severity.MEDIUM,
    remedy=ByHand(
        "Postfix: `postconf -e milter_default_action=tempfail && postfix reload`. Sendmail: give each INPUT_MAIL_FILTER the flag F=T, rebuild sendmail.cf, restart."
    ),
    runbook="dependency-down",
    references=("postconf(5), milter_default_action",),
)
