"""Whether client and server agree where one command, one message, one layer ends and the next begins."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from auditor.evidence.reply import Reply
from auditor.model import Observation, Reason, Unavailable


class Injected(StrEnum):
    """What became of a command that came in clear behind STARTTLS, in the same packet."""

    REFUSED = "refused before TLS"
    DROPPED = "dropped"
    FAILED_CLOSED = "fed to TLS, so that the handshake failed"
    EXECUTED = "executed within TLS"


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectionTrial:
    """One door that offers STARTTLS."""

    address: str
    port: int
    result: Injected | Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class StarttlsInjection:
    """25 and 587, as far as they offer STARTTLS."""

    trials: tuple[InjectionTrial, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyTrial:
    """EHLO before the greeting, at port 25 of one address."""

    address: str
    replies: tuple[Reply, ...]
    ended: Unavailable | None = None
    """Why there were no more replies."""

    @property
    def executed(self) -> bool | Unavailable:
        """True when the server greeted and answered the early EHLO as if nothing had been wrong."""
        codes = [reply.code for reply in self.replies]
        if len(codes) >= 2:
            return codes[0] == 220 and codes[1] == 250
        if codes and codes[0] >= 400:
            return False
        if self.ended is not None and self.ended.reason in {Reason.CONNECTION_LOST, Reason.RATE_LIMITED}:
            return False  # hung up: that is how it refuses
        return self.ended or Unavailable(Reason.PROTOCOL, f"{self.address}: {codes}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyTalk:
    """Port 25 of every address that greets."""

    trials: tuple[EarlyTrial, ...]


END_OF_DATA = b"\r\n.\r\n"
SMUGGLED = (b"\n.\n", b"\n.\r\n", b"\r\n.\n")
"""Ends of data that are none (RFC 5321 section 4.1.1.4), and that Postfix before 3.9 takes for one by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BareNewline:
    """One message to the canary whose body has false ends of data, each with a NOOP behind it."""

    address: str
    replies: tuple[Reply, ...]
    """To the end of the message, and all that came after it, until the server was silent or hung up."""

    @property
    def verdict(self) -> "Smuggling":
        """Two positive replies to one message: the command inside the body was executed."""
        positive = sum(reply.positive and reply.code != 221 for reply in self.replies)
        if positive >= 2:
            return Smuggling.EXECUTED
        if positive == 1 and len(self.replies) > 1 and self.replies[0].positive:
            return Smuggling.ENDED
        if any(not reply.positive for reply in self.replies):
            return Smuggling.REFUSED
        return Smuggling.DATA


class Smuggling(StrEnum):
    """What a bare newline did."""

    EXECUTED = "the command behind it was executed"
    ENDED = "it ended the message, and what followed was refused"
    REFUSED = "the message was refused"
    DATA = "it was taken as part of the message"


def observed_injections(trials: StarttlsInjection) -> Iterator[Observation]:
    """Doors at which the injected command was executed."""
    for trial in trials.trials:
        if trial.result is Injected.EXECUTED:
            yield {"address": trial.address, "port": trial.port, "injected": trial.result.value}
