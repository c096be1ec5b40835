"""RCPT for the role mailboxes of every domain of a host, with controls; greylisting waited out once."""

from dataclasses import replace

from auditor.evidence.refusals import Meaning
from auditor.evidence.role_addresses import RoleReplies
from auditor.evidence.smtp import unseen_doors
from auditor.evidence.visits import SmtpVisits
from auditor.model import Host, Options, Reason
from auditor.net import CannotLook, Network, TlsMode
from auditor.probes._call import transact
from auditor.probes._dialogue import Visit
from auditor.probes._role_questions import means
from auditor.probes._transactions import Envelope


async def role_replies(host: Host, visits: SmtpVisits, network: Network, options: Options) -> RoleReplies:
    """As they were at the visit. Raises CannotLook when no door opened."""
    found = visits.roles
    if found is None:
        unseen = unseen_doors(tuple(visited.door for visited in visits.doors))
        if unseen:
            raise CannotLook(unseen[0].reason, unseen[0].detail)
        raise CannotLook(Reason.NOT_ASKED, f"{host.name} was not asked about role mailboxes")
    put_off = [r for r in found.replies if means(r.transaction, Meaning.GREYLISTED)]
    if not put_off:
        return found
    await network.sleep(options.timeout)
    visit = Visit(network, options, visits.roles_at, 25, host.name, TlsMode.LEGACY)
    # The same sender, recipient and address once more: greylisting keeps exactly these three in mind.
    envelopes = [
        Envelope(sender=r.transaction.sender, recipient=r.transaction.recipient, helo=options.helo)
        for r in put_off
    ]
    answers = iter(await transact(visit, envelopes, encrypted=visits.roles_encrypted))
    again = tuple(
        replace(r, transaction=next(answers)) if means(r.transaction, Meaning.GREYLISTED) else r
        for r in found.replies
    )
    return RoleReplies(replies=again, greylisted=True)
