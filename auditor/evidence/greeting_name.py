"""The name by which a mail server introduces itself."""

from dataclasses import dataclass

from auditor.evidence.dns import HostAddresses
from auditor.model import Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class GreetingName:
    """Name in the reply to EHLO at one address."""

    address: str
    name: str
    addresses: HostAddresses | None = None
    """What the name leads to; None when it is no domain name, or was not seen."""
    unknown: Unavailable | None = None

    @property
    def qualified(self) -> bool:
        """A domain name with a dot, as RFC 5321 section 4.1.1.1 wants it."""
        labels = self.name.split(".")
        return len(labels) > 1 and all(
            label.replace("-", "").isalnum() and label.isascii() for label in labels
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GreetingNames:
    """Every address that was spoken to."""

    names: tuple[GreetingName, ...] = ()
