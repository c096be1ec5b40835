"""Names and addresses that the probes give themselves, chosen so that nobody else is bothered.

Every local part carries the label of the scan, so that an admin finds the scan's traces in the log.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from auditor.model import Options

RESERVED = "example.com"
"""Reserved for documentation (RFC 2606). It resolves, which recipients have to, and takes no mail at all."""
_NO_NAMES = ("localhost", "localdomain", "local", "invalid")


def _usable(name: str) -> bool:
    """A name that others can look up."""
    labels = name.lower().rstrip(".").split(".")
    return len(labels) > 1 and labels[-1].isalpha() and labels[-1] not in _NO_NAMES


def _under(name: str, domains: Iterable[str]) -> bool:
    return any(name == domain or name.endswith(f".{domain}") for domain in domains)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address, in its two parts."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"


def our_sender(options: Options) -> Mailbox:
    """The ordinary stranger that the probes play: at our EHLO name, if others can look it up."""
    name = options.helo.lower().rstrip(".")
    return Mailbox(f"auditor-{options.label}", name if _usable(name) else RESERVED)


def foreign_recipient(options: Options, hosted: Iterable[str]) -> Mailbox:
    """A recipient that the target has no business with: the canary, else a mailbox at our own EHLO name.

    Never a domain that the target hosts, nor one below it: a host that takes mail for its subdomains is no relay.
    Where our name is of no use, a reserved domain; RCPT alone hands over nothing, so nobody is written to.
    """
    hosted = tuple(domain.lower() for domain in hosted)
    local, _, domain = (options.canary or "").rpartition("@")
    if local and not _under(domain.lower(), hosted):
        return Mailbox(local, domain.lower())
    ours = our_sender(options)
    return Mailbox(ours.local, RESERVED) if _under(ours.domain, hosted) else ours


def nobody(options: Options, salt: str) -> str:
    """A local part that cannot exist on the target: derived from the scan's random label, so it can be found."""
    return f"zz-{options.label}-{salt}"
