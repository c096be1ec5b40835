"""RCPT for the role mailboxes of every domain of a host, with controls; greylisting waited out once."""

from collections.abc import Sequence

from auditor.evidence.refusals import Meaning, meaning_of
from auditor.evidence.reply import Reply
from auditor.evidence.role_addresses import NULL_SENDER, ROLES, STRANGER, RoleReplies, RoleReply
from auditor.evidence.smtp import SmtpSessions, Transaction, open_doors
from auditor.model import Host, Options
from auditor.net import Network, TlsMode
from auditor.probes._dialogue import Visit
from auditor.probes._names import nobody, our_sender
from auditor.probes._transactions import Envelope, transact

MAX_DOMAINS = 20
"""Domains of one host that are asked about in one scan."""


async def role_replies(host: Host, smtp: SmtpSessions, network: Network, options: Options) -> RoleReplies:
    """At the first address that answers: mailboxes belong to the program, not to its addresses."""
    door, session = next(open_doors(smtp.doors))
    visit = Visit(network, options, door.address, door.port, host.name, TlsMode.LEGACY)
    questions = _questions(host, options)
    envelopes = [envelope for _, _, envelope in questions]
    transactions = await transact(visit, envelopes)
    if session.offers_starttls and any(_means(t, Meaning.NEEDS_TLS) for t in transactions):
        transactions = await transact(visit, envelopes, encrypted=True)
        encrypted = True
    else:
        encrypted = False
    greylisted = any(_means(t, Meaning.GREYLISTED) for t in transactions)
    if greylisted:
        await network.sleep(options.timeout)
        transactions = await _again(visit, envelopes, transactions, encrypted=encrypted)
    return RoleReplies(
        replies=tuple(
            RoleReply(domain=domain, mailbox=mailbox, transaction=transaction)
            for (domain, mailbox, _), transaction in zip(questions, transactions, strict=True)
        ),
        greylisted=greylisted,
    )


async def _again(
    visit: Visit, envelopes: Sequence[Envelope], transactions: Sequence[Transaction], *, encrypted: bool
) -> tuple[Transaction, ...]:
    """The same sender, recipient and address once more: greylisting keeps exactly these three in mind."""
    put_off = [index for index, t in enumerate(transactions) if _means(t, Meaning.GREYLISTED)]
    retried = await transact(visit, [envelopes[index] for index in put_off], encrypted=encrypted)
    answers = list(transactions)
    for index, transaction in zip(put_off, retried, strict=True):
        answers[index] = transaction
    return tuple(answers)


def _means(transaction: Transaction, meaning: Meaning) -> bool:
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
