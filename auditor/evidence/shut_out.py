"""Where the host lets nobody in, or not us. What is refused there was not seen; it is not "nothing listens"."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from auditor.model import Reason, Unavailable

CLOSED_OR_BANNED = "no mail program runs there, or it has shut this address out (on the host: fail2ban-client status; nft list ruleset)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutOut:
    """Addresses of one host that refuse port 25, though it is there for mail.

    fail2ban rejects with ICMP port unreachable by default, which a client cannot tell from a port that is closed.
    """

    transient: ClassVar[bool] = True
    addresses: frozenset[str]

    def unseen(self, doors: Iterable[tuple[str, int, object]]) -> dict[tuple[str, int], Unavailable]:
        """Address and port of each refusal that says nothing, and why. One open door at an address is enough to believe it."""
        seen = tuple(doors)
        open_at = {address for address, _, what in seen if not isinstance(what, Unavailable)}
        return {
            (address, port): Unavailable(
                Reason.UNREACHABLE,
                f"{address} port {port}: connection refused, as at port 25: {CLOSED_OR_BANNED}",
            )
            for address, port, what in seen
            if isinstance(what, Unavailable) and what.reason is Reason.REFUSED
            if address in self.addresses - open_at
        }
