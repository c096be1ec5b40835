"""Which hosts take a domain's mail."""

from dataclasses import dataclass

from auditor.evidence.dns import Answer, Existence, HostAddresses
from auditor.model import NotApplicable, Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanger:
    """One MX target and what its name holds."""

    name: str
    preference: int
    exists: bool = True
    """False when NXDOMAIN was proven."""
    canonical: str = ""
    """End of its CNAME chain; equal to name where there is none."""
    addresses: HostAddresses | None = None
    unknown: Unavailable | None = None
    """Why the addresses could not be seen; set exactly when addresses is None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailExchangers:
    """The MX record set, best preference first."""

    existence: Existence
    exchangers: tuple[Exchanger, ...] = ()
    """Without the null MX."""
    null: bool = False
    """`0 .` is among the records: the domain takes no mail (RFC 7505)."""
    ttl: int = 0
    secure: bool = False
    omitted: int = 0
    """Targets beyond those looked at."""
    implicit: HostAddresses | None = None
    """Addresses of the domain itself, which take its mail where there is no MX (RFC 5321 section 5.1)."""


def takes_no_mail(mx: MailExchangers | Unavailable) -> NotApplicable | None:
    """What every question about the domain's mailboxes ends with at a null MX (RFC 7505)."""
    if isinstance(mx, MailExchangers) and mx.null:
        return NotApplicable("the domain says that it takes no mail (null MX)")
    return None


def read_exchangers(answer: Answer) -> tuple[tuple[int, str], ...]:
    """Preference and target of each record, sorted; the null MX has the target ""."""
    pairs = []
    for record in answer.records:
        preference, _, target = record.partition(" ")
        if preference.isdecimal():
            pairs.append((int(preference), target.strip().rstrip(".").lower()))
    return tuple(sorted(set(pairs)))
