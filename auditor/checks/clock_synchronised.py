"""The clock is right and stays right.

TLS, DKIM, DNSSEC and TSIG fail on a wrong clock, and log lines of two hosts can no longer be put in order. Inside a
container the clock belongs to the machine below; there only its deviation can be judged.
"""

from auditor.evidence.clock import Clock
from auditor.model import Check, Failed, Family, Inconclusive, Passed, Playbook, Reason, Severity, Verdict

LAGS, LEADS = -5.0, 300.0
"""Seconds. The host's time is read up to minutes after the scan began, so only a lag can be told closely."""


def judge(clock: Clock) -> Verdict:
    """The kernel says that a time daemon disciplines its clock, and the time is about ours."""
    row = (
        {"synchronised": clock.synchronised, "container": clock.in_container, "seconds ahead": clock.ahead},
    )
    if clock.ahead is not None and not LAGS <= clock.ahead <= LEADS:
        return Failed(f"the clock differs from the scanner's by {clock.ahead:.0f} s", row)
    if clock.synchronised:
        return Passed("a time daemon keeps the clock", row)
    if not clock.in_container:
        return Failed("no time daemon keeps the clock", row)
    if clock.ahead is None:
        return Inconclusive("the host did not tell its time", Reason.MALFORMED)
    return Passed("the clock of the machine below this container agrees with the scanner's", row)


CHECK = Check.of(
    judge,
    family=Family.LOGGING,
    severity=Severity.MEDIUM,
    remedy=Playbook("logging"),
    runbook="silent-failure",
    references=("RFC 5905", "timedatectl(1)"),
)
