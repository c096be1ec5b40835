"""What the hosts behind the first MX say to mail for the domain."""

from dataclasses import dataclass

from auditor.evidence.mx import MailExchangers
from auditor.evidence.refusals import Meaning, meaning_of, no_answer
from auditor.evidence.reply import Reply
from auditor.evidence.smtp import Transaction
from auditor.model import Unavailable

_KNOWS_THE_DOMAIN = {Meaning.ACCEPTED, Meaning.NO_SUCH_MAILBOX, Meaning.MAILBOX_FULL}


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReply:
    """One backup host, asked for postmaster of the domain; `said` is why not, where it was not reached."""

    host: str
    said: Transaction | Unavailable

    @property
    def takes(self) -> bool | Unavailable:
        """Yes also where only this mailbox is refused: the domain is one of its own then."""
        if isinstance(self.said, Unavailable):
            return self.said
        reply = self.said.decisive
        if isinstance(reply, Unavailable):
            return reply
        return no_answer(reply) or meaning_of(reply) in _KNOWS_THE_DOMAIN

    @property
    def words(self) -> str:
        """The reply, or why there is none."""
        if isinstance(self.said, Unavailable):
            return self.said.detail
        reply = self.said.decisive
        return str(reply) if isinstance(reply, Reply) else reply.detail


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReplies:
    """Every MX host of the domain that is not of the best preference."""

    replies: tuple[BackupReply, ...] = ()


def backup_hosts(mx: MailExchangers) -> tuple[str, ...]:
    """Targets that senders try only when those of the best preference do not answer (RFC 5321 section 5.1)."""
    if not mx.exchangers:
        return ()
    best = mx.exchangers[0].preference
    primary = {host.name for host in mx.exchangers if host.preference == best}
    return tuple(
        dict.fromkeys(h.name for h in mx.exchangers if h.preference != best and h.name not in primary)
    )
