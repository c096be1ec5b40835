"""The rules refuse mail from strangers for foreign domains.

Read from inside, so that holes on ports and addresses that no probe can reach are found too: Postfix's lists are walked
per service with the overrides of master.cf, Exim and Sendmail are asked in a pretended session, and OpenSMTPD's rules
are matched in order. Where a table's content decides, that is said and not guessed.
"""

from auditor.evidence.mta_settings import MtaSettings, holes
from auditor.model import Check, Failed, Family, Inconclusive, Passed, Playbook, Reason, Severity, Verdict


def judge(settings: MtaSettings) -> Verdict:
    """Any way through fails; an answer that was not given is not an answer."""
    found = tuple({"where": where, "how": how} for where, how in holes(settings))
    certain = tuple(row for row in found if row["how"] != "table")
    if certain:
        return Failed("strangers get through at " + ", ".join(row["where"] for row in certain), certain)
    if found:
        return Inconclusive(
            "a look-up table decides before anything stops strangers", Reason.UNSUPPORTED, found
        )
    if settings.exim and not any(code // 100 == 5 for _, code in settings.exim.stranger):
        return Inconclusive("Exim's pretended session was not answered for good", Reason.TEMPFAIL)
    if settings.sendmail and settings.sendmail.strangers_refused is None:
        return Inconclusive("Sendmail's test mode gave no answer", Reason.MALFORMED)
    if settings.opensmtpd and settings.opensmtpd.includes:
        return Inconclusive("included files were not read", Reason.UNSUPPORTED)
    return Passed("the rules relay for logins and trusted networks only")


CHECK = Check.of(
    judge,
    family=Family.MTA,
    severity=Severity.CRITICAL,
    remedy=Playbook("close-relay"),
    runbook="open-relay",
    references=("RFC 5321 7.9", "SMTPD_ACCESS_README"),
)
