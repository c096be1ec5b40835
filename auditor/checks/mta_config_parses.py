"""The mail program finds no fault with its own configuration.

A misspelt parameter is silently without effect, and a syntax error waits for the next restart: then mail stops, at
night, after an update that changed nothing.
"""

from auditor.evidence.mta import ConfigComplaints
from auditor.model import ByHand, Check, Failed, Family, Passed, Severity, Verdict


def judge(complaints: ConfigComplaints) -> Verdict:
    """The program's own words, from the check that it brings along."""
    if complaints.lines:
        return Failed(
            f"{complaints.mta.value} complains: {complaints.lines[0]}",
            tuple({"says": line} for line in complaints.lines),
        )
    return Passed(f"{complaints.mta.value} accepts its configuration without a word")


CHECK = Check.of(
    judge,
    family=Family.MTA,
    severity=Severity.HIGH,
    remedy=ByHand(
        "Read the lines above; the program names file and line. Correct them, let it check again (`postconf -n >/dev/null`, `exim4 -bV`, `smtpd -n`, `sendmail -bt </dev/null`), then reload."
    ),
    runbook="maintenance-round",
    references=("postconf(1)", "exim(8), -bV", "smtpd(8), -n"),
)
