"""Whether the mailboxes that the standards require take mail (RFC 5321 section 4.5.1, RFC 2142)."""

from collections.abc import Iterable
from dataclasses import dataclass

from auditor.evidence.refusals import Meaning, meaning_of, no_answer
from auditor.evidence.reply import Reply
from auditor.evidence.smtp import Transaction
from auditor.model import Failed, Observation, Passed, Reason, Unavailable, Verdict, weigh

ROLES = ("postmaster", "abuse", "hostmaster", "security")
NULL_SENDER = "<>"
CONTROL = "random"
"""The control that must not exist in a hosted domain."""
STRANGER = "stranger"
"""The control that is nobody's mailbox here: mail from a stranger to a stranger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleReply:
    """One recipient at one host, from one sender."""

    domain: str
    """Empty for the bare <Postmaster>."""
    mailbox: str
    """Local part asked for; "random" and STRANGER for the controls."""
    transaction: Transaction

    @property
    def null_sender(self) -> bool:
        """From <>, as every bounce is."""
        return self.transaction.sender == NULL_SENDER

    @property
    def accepted(self) -> bool | Unavailable:
        """Yes, no, or why the reply says neither. A full mailbox takes no mail: no."""
        reply = self.transaction.decisive
        if isinstance(reply, Unavailable):
            return reply
        return no_answer(reply) or meaning_of(reply) is Meaning.ACCEPTED

    @property
    def observation(self) -> Observation:
        """For the report."""
        return {
            "mail_from": self.transaction.sender,
            "rcpt_to": self.transaction.recipient,
            "reply": str(self.transaction.decisive),
        }

    @property
    def requires_tls(self) -> bool:
        """The server wants STARTTLS before it takes mail, which a public MX must not (RFC 3207 section 4)."""
        reply = self.transaction.decisive
        return isinstance(reply, Reply) and meaning_of(reply) is Meaning.NEEDS_TLS


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleReplies:
    """What one host said about the role mailboxes of every domain that it serves."""

    replies: tuple[RoleReply, ...]
    greylisted: bool = False
    """Some were put off first and answered after a pause."""

    def of(self, domain: str, mailbox: str) -> tuple[RoleReply, ...]:
        """All about one mailbox, from the ordinary and from the null sender."""
        return tuple(r for r in self.replies if r.domain == domain and r.mailbox == mailbox)

    def catches_all(self, domain: str) -> bool:
        """Two mailboxes that cannot exist were both accepted, so that acceptance proves nothing."""
        controls = self.of(domain, CONTROL)
        return bool(controls) and all(control.accepted is True for control in controls)

    def masked(self, domain: str) -> bool:
        """The host takes mail for anybody anywhere, so that no rule about its own mailboxes was asked.

        Debian's Exim checks no recipient for a client that may relay: closing the relay lets the refusals appear.
        """
        return self.catches_all(domain) and any(control.accepted is True for control in self.of("", STRANGER))


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxTally:
    """One mailbox at every host of a domain."""

    refused: tuple[Observation, ...]
    unseen: tuple[Unavailable, ...]
    accepted: int
    catch_all: bool


def mailbox_tally(
    hosts: Iterable[tuple[str, RoleReplies | Unavailable]], domain: str, mailbox: str, *, null_sender: bool
) -> MailboxTally:
    """Who takes mail for mailbox@domain, from the ordinary or from the null sender."""
    refused, unseen, accepted, catch_all = [], [], 0, False
    for host, found in hosts:
        if isinstance(found, Unavailable):
            unseen.append(found)
            continue
        catch_all = catch_all or found.catches_all(domain)
        for reply in found.of(domain, mailbox):
            if reply.null_sender is not null_sender:
                continue
            if isinstance(reply.accepted, Unavailable):
                unseen.append(reply.accepted)
            elif reply.accepted and mailbox != CONTROL and found.masked(domain):
                detail = f"{host} takes mail from anybody to anybody, so that every mailbox seems to exist"
                unseen.append(Unavailable(Reason.NOT_ASKED, detail))
            elif reply.accepted:
                accepted += 1
            else:
                refused.append({"host": host, **reply.observation})
    if not refused and not accepted and not unseen:
        unseen.append(Unavailable(Reason.NO_ADDRESS, f"no host is known that takes mail for {domain}"))
    return MailboxTally(refused=tuple(refused), unseen=tuple(unseen), accepted=accepted, catch_all=catch_all)


def judge_mailbox(
    hosts: Iterable[tuple[str, RoleReplies | Unavailable]], domain: str, mailbox: str
) -> Verdict:
    """The verdict on one role mailbox. That a catch-all takes it does not prove that anybody reads it."""
    seen = mailbox_tally(hosts, domain, mailbox, null_sender=False)
    where = f"{seen.refused[0]['host']}: {seen.refused[0]['reply']}" if seen.refused else ""
    note = ", like everything else there: whether anybody reads it is not seen" if seen.catch_all else ""
    return weigh(
        Failed(f"{mailbox}@{domain} is refused by {where}", seen.refused) if seen.refused else None,
        seen.unseen,
        Passed(f"{mailbox}@{domain} is accepted{note}"),
    )
