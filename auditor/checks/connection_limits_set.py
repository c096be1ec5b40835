"""One client cannot take every connection.

A flood from a few addresses fills the process limit, and then nobody's mail gets in. A limit per client leaves room.
"""

from auditor.evidence.mta_settings import MtaSettings
from auditor.model import Check, Failed, Family, NotApplicable, Passed, Playbook, Severity, Verdict


def judge(settings: MtaSettings) -> Verdict:
    """A limit on connections per client: at once, or per unit of time."""
    if settings.opensmtpd:
        return NotApplicable("OpenSMTPD has no limit per client; the packet filter has")
    found = _limits(settings)
    if any(value not in {"", "0", "none"} for value in found.values()):
        return Passed("connections per client are limited", ({**found},))
    return Failed("nothing limits how many connections one client may open", ({**found},))


def _limits(settings: MtaSettings) -> dict[str, str]:
    if settings.postfix:
        rate = "smtpd_client_connection_rate_limit"
        return {rate: settings.postfix.get(rate)}
    if settings.exim:
        return {"smtp_accept_max_per_host": settings.exim.get("smtp_accept_max_per_host")}
    options = dict(settings.sendmail.options) if settings.sendmail else {}
    return {"ConnectionRateThrottle": options.get("ConnectionRateThrottle", "")}


CHECK = Check.of(
    judge,
    family=Family.MTA,
    severity=Severity.MEDIUM,
    remedy=Playbook("connection-limits"),
    runbook="flood",
    references=("anvil(8)",),
)
