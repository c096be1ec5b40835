"""One whole message, to a mailbox of the operator's own. The only place that sends DATA for real."""

from dataclasses import replace
from email.utils import format_datetime

from auditor.evidence.smtp import Transaction
from auditor.net import CannotLook
from auditor.probes._call import Call
from auditor.probes._dialogue import Visit
from auditor.probes._names import our_sender


def message(visit: Visit, transaction: Transaction) -> str:
    """A message that says what it is, marked as automatic (RFC 3834), with the scan's label to find it by."""
    options = visit.options
    sender = our_sender(options)
    return "\r\n".join(
        (
            f"From: auditor <{sender}>",
            f"To: <{options.canary}>",
            f"Subject: auditor test message {options.label}",
            f"Date: {format_datetime(visit.network.now())}",
            f"Message-ID: <{options.label}.{visit.port}@{sender.domain}>",
            f"X-Auditor-Label: {options.label}",
            "Auto-Submitted: auto-generated",
            "",
            f"This message was handed to {visit.where} by a scan that the owner of this mailbox asked for.",
            f"The envelope was {transaction.sender} to {transaction.recipient}.",
        )
    )


async def hand_over(call: Call, transaction: Transaction, *, encrypted: bool) -> Transaction:
    """The transaction again, this time with its message. Never raises: a failure is in `data`."""
    visit = call.visit
    if visit.options.canary is None:
        raise ValueError("no message is handed over without the operator's consent")
    try:
        talk = await call.ready(visit.options.helo, encrypted=encrypted)
        # No bounce (RFC 3461): it would wait in the queue for our own name, which takes no mail.
        silent = " NOTIFY=NEVER" if "DSN" in talk.extensions else ""
        for command, wanted in (
            (f"MAIL FROM:{transaction.sender}", 250),
            (f"RCPT TO:{transaction.recipient}{silent}", 250),
            ("DATA", 354),
        ):
            reply = await talk.say(command)
            if reply.code != wanted:
                return replace(transaction, data=reply)
        return replace(transaction, data=await talk.say(f"{message(visit, transaction)}\r\n."))
    except CannotLook as lost:
        await call.drop()
        return replace(transaction, data=lost.as_unavailable())
    finally:
        await call.leave()
