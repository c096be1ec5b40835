"""What is asked about the role mailboxes of a host, at whichever of its doors opens first."""

from auditor.evidence.refusals import Meaning, meaning_of
from auditor.evidence.reply import Reply
from auditor.evidence.role_addresses import NULL_SENDER, ROLES, STRANGER, RoleReplies, RoleReply
from auditor.evidence.smtp import Transaction
from auditor.model import Host, Options
from auditor.probes._call import Call
from auditor.probes._names import nobody, our_sender
from auditor.probes._transactions import Envelope

MAX_DOMAINS = 20
"""Domains of one host that are asked about in one scan."""


class RoleQuestions:
    """Asked at one door only: mailboxes belong to the program, not to its addresses."""

    def __init__(self, host: Host, options: Options) -> None:
        self._questions = _questions(host, options)
        self._call: Call | None = None
        self._answers: tuple[Transaction, ...] = ()
        self.encrypted = False
        """Asked within TLS, because the server insists on it."""

    @property
    def address(self) -> str:
        """Where they were asked; empty as long as nobody did."""
        return self._call.visit.address if self._call else ""

    async def ask(self, call: Call) -> None:
        """In clear, unless somebody else does already."""
        if self._call is None:
            self._call = call
            self._answers = await call.ask([envelope for _, _, envelope in self._questions])

    async def ask_again(self, call: Call) -> None:
        """Within TLS, where the server said that it must be."""
        if self._call is call and any(means(t, Meaning.NEEDS_TLS) for t in self._answers):
            self.encrypted = True
            self._answers = await call.ask([e for _, _, e in self._questions], encrypted=True)

    @property
    def replies(self) -> RoleReplies | None:
        """None when there was no door."""
        if self._call is None:
            return None
        return RoleReplies(
            replies=tuple(
                RoleReply(domain=domain, mailbox=mailbox, transaction=transaction)
                for (domain, mailbox, _), transaction in zip(self._questions, self._answers, strict=True)
            )
        )


def means(transaction: Transaction, meaning: Meaning) -> bool:
    """Whether the reply that decided says that."""
    reply = transaction.decisive
    return isinstance(reply, Reply) and meaning_of(reply) is meaning


def _questions(host: Host, options: Options) -> list[tuple[str, str, Envelope]]:
    """Domain, mailbox, envelope. One recipient to a transaction: some servers refuse all for one."""
    ordinary, questions = f"<{our_sender(options)}>", []

    def ask(domain: str, mailbox: str, local: str, sender: str) -> None:
        recipient = f"<{local}@{domain}>" if domain else f"<{local}>"
        questions.append((domain, mailbox, Envelope(sender=sender, recipient=recipient, helo=options.helo)))

    ask("", "postmaster", "Postmaster", ordinary)
    for domain in host.domains[:MAX_DOMAINS]:
        for role in ROLES:
            ask(domain, role, role, ordinary)
        ask(domain, "postmaster", "postmaster", NULL_SENDER)
        ask(domain, "random", nobody(options, "a"), ordinary)
        ask(domain, "random", nobody(options, "b"), ordinary)
    questions.append(("", STRANGER, Envelope(sender=ordinary, recipient=ordinary, helo=options.helo)))
    return questions
