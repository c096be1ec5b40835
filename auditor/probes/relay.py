"""Mail from strangers to strangers, as far as RCPT; further only with the operator's consent."""

from collections.abc import Sequence
from dataclasses import replace

from auditor.evidence.refusals import Meaning, meaning_of
from auditor.evidence.relay import Handover, Phase, RelayAttempts
from auditor.evidence.reply import Reply
from auditor.evidence.shut_out import ShutOut
from auditor.evidence.smtp import Transaction
from auditor.evidence.vantage import Vantage
from auditor.evidence.visits import SmtpVisits, SubmissionVisits
from auditor.model import Host, Options, Reason
from auditor.net import CannotLook, Network, TlsMode
from auditor.probes._call import Call
from auditor.probes._dialogue import Visit
from auditor.probes._handover import hand_over
from auditor.probes._names import foreign_recipient

CONFIRMATIONS = 3
"""Messages handed over at most, of all that were accepted at RCPT, and only to the operator's canary."""


async def relay_attempts(
    host: Host,
    smtp: SmtpVisits,
    submission: SubmissionVisits,
    vantage: Vantage,
    shut: ShutOut,
    network: Network,
    options: Options,
) -> RelayAttempts:
    """Every vector at every door. From a trusted place nothing is graded: CannotLook(TRUSTED_VANTAGE)."""
    if vantage.trusted_because is not None:
        raise CannotLook(Reason.TRUSTED_VANTAGE, vantage.trusted_because)
    phases = [phase for visited in (*smtp.doors, *submission.doors) for phase in visited.phases]
    doors = ((visited.door.address, visited.door.port, visited.door.session) for visited in submission.doors)
    phases += [
        Phase(address=address, port=port, encrypted=False, unavailable=why)
        for (address, port), why in shut.unseen(doors).items()
    ]
    return RelayAttempts(phases=await _confirm(phases, host, network, options))


async def _confirm(
    phases: Sequence[Phase], host: Host, network: Network, options: Options
) -> tuple[Phase, ...]:
    """With a canary, a few of the accepted vectors as whole messages: what RCPT accepts, DATA may refuse."""
    to = foreign_recipient(options, (*host.domains, host.name))
    if options.canary is None or str(to) != options.canary.lower():
        return tuple(phases)
    left = CONFIRMATIONS
    confirmed = []
    for phase in phases:
        attempts = list(phase.attempts)
        for index, attempt in enumerate(attempts):
            if (
                left
                and phase.outcome(attempt) is Handover.OPEN
                and _to_canary(attempt.transaction, to.domain)
            ):
                left -= 1
                visit = Visit(network, options, phase.address, phase.port, host.name, TlsMode.LEGACY)
                handed = await hand_over(Call(visit), attempt.transaction, encrypted=phase.encrypted)
                attempts[index] = replace(attempt, transaction=handed)
        confirmed.append(replace(phase, attempts=tuple(attempts)))
    return tuple(confirmed)


def _to_canary(transaction: Transaction, domain: str) -> bool:
    rcpt = transaction.rcpt
    return (
        transaction.recipient.lower().rstrip(">").endswith(f"@{domain}")
        and isinstance(rcpt, Reply)
        and meaning_of(rcpt) is Meaning.ACCEPTED
    )
