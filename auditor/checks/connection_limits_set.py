"""A few clients cannot take every connection.

A flood from a few addresses fills the process limit, and then nobody's mail gets in. A limit per client leaves room.
Postfix lets one client hold 50 of its 100 connections and come back as fast as it likes, so there the rate has to be
limited; Exim lets one client hold all, unless told; Debian's Sendmail has both limits in its access map.
"""

from auditor.evidence.mta_settings import MtaSettings
from auditor.model import Check, Failed, Family, NotApplicable, Passed, Playbook, Severity, Verdict


def judge(settings: MtaSettings) -> Verdict:
    """A limit on connections per client that is not the program's own half measure."""
    if settings.opensmtpd:
        return NotApplicable("OpenSMTPD has no limit per client; the packet filter has")
    found, missing = _limits(settings)
    if any(value not in {"", "0", "none"} for value in found.values()):
        return Passed("connections per client are limited", ({**found},))
    return Failed(missing, ({**found},))


def _limits(settings: MtaSettings) -> tuple[dict[str, str], str]:
    """(limits by the program's own name, what is said where none of them is set)."""
    if settings.postfix:
        rate = "smtpd_client_connection_rate_limit"
        at_once = settings.postfix.get("smtpd_client_connection_count_limit")
        hold = f"; at once it may hold {at_once}" if at_once not in {"", "0"} else ""
        return {rate: settings.postfix.get(rate)}, f"nothing limits how often one client may connect{hold}"
    if settings.exim:
        per_host = "smtp_accept_max_per_host"
        return {per_host: settings.exim.get(per_host)}, "one client may hold every connection that Exim takes"
    limits = dict(settings.sendmail.client_limits) if settings.sendmail else {}
    return limits, "neither ClientRate: nor ClientConn: of the access map limits a client"


CHECK = Check.of(
    judge,
    family=Family.MTA,
    severity=Severity.MEDIUM,
    remedy=Playbook("connection-limits"),
    runbook="flood",
    references=("anvil(8)",),
)
