"""Every MX host fulfils the MTA-STS policy.

In mode `enforce` senders deliver only to hosts that a pattern of the policy names and that present a certificate
which is valid for their own name (RFC 8461 section 4): one MX host that is missing, renamed or expired loses the
mail of the large providers. In mode `testing` it shows in their reports only.
"""

from collections.abc import Iterator

from auditor.evidence.mta_sts import MtaSts, StsPolicy
from auditor.evidence.mx import MailExchangers
from auditor.evidence.smtp import SmtpSessions, open_doors, unseen_doors
from auditor.evidence.tls import TlsSession
from auditor.model import (
    ByHand,
    Check,
    Failed,
    Family,
    NotApplicable,
    Observation,
    Passed,
    PerHost,
    Reason,
    Severity,
    Unavailable,
    Verdict,
    weigh,
)


def _faults(
    policy: StsPolicy, mx: MailExchangers, seen: dict[str, SmtpSessions | Unavailable]
) -> Iterator[Observation]:
    for host in mx.exchangers:
        if not policy.covers(host.name):
            yield {"host": host.name, "fault": "no pattern of the policy names it"}
        sessions = seen.get(host.name)
        for door, session in open_doors(sessions.doors) if isinstance(sessions, SmtpSessions) else ():
            if session.ended is None and not session.offers_starttls:
                yield {"host": host.name, "fault": f"{door.where}: no STARTTLS"}
            elif isinstance(session.tls, TlsSession) and session.tls.verify_error:
                yield {"host": host.name, "fault": f"{door.where}: {session.tls.verify_error}"}


def _gaps(mx: MailExchangers, seen: dict[str, SmtpSessions | Unavailable]) -> Iterator[Unavailable]:
    for host in mx.exchangers:
        sessions = seen.get(host.name, Unavailable(Reason.NOT_ASKED, f"{host.name} is not part of this scan"))
        if isinstance(sessions, Unavailable):
            yield sessions
            continue
        yield from unseen_doors(sessions.doors)
        for _, session in open_doors(sessions.doors):
            for missing in (session.tls, session.ended):
                if isinstance(missing, Unavailable):
                    yield missing


def judge(sts: MtaSts, mx: MailExchangers, sessions: PerHost[SmtpSessions]) -> Verdict:
    """Pattern and certificate of every MX host."""
    if sts.policy is None or not sts.policy.text or sts.policy.fault or sts.policy.mode == "none":
        if sts.policy is not None and sts.policy.unknown is not None:
            return weigh(None, (sts.policy.unknown,), Passed(""))
        return NotApplicable("no MTA-STS policy is in force")
    if not mx.exchangers:
        return NotApplicable("there is no MX host")
    seen = dict(sessions.found)
    faults = tuple(_faults(sts.policy, mx, seen))
    bad = None
    if faults:
        lost = sts.policy.mode == "enforce"
        bad = Failed(
            f"{faults[0]['host']}: {faults[0]['fault']}", faults, severity=Severity.CRITICAL if lost else None
        )
    return weigh(bad, _gaps(mx, seen), Passed(f"{len(mx.exchangers)} MX hosts fulfil the policy"))


CHECK = Check.of(
    judge,
    family=Family.TRANSPORT_POLICY,
    severity=Severity.MEDIUM,
    remedy=ByHand(
        "Name every MX host in the policy file (mx: lines), or take the host out of the MX records; give each "
        "MX host a certificate of a public authority for its own name. Then change the id in _mta-sts, so that "
        "senders read the policy again. While it is wrong, mode: testing loses no mail."
    ),
    runbook="keys",
    references=("RFC 8461 section 4", "RFC 8461 section 5"),
)
