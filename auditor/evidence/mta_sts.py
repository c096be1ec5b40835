"""MTA-STS (RFC 8461) and TLS-RPT (RFC 8460): what senders are told about TLS to the domain."""

from dataclasses import dataclass

from auditor.model import Unavailable

LARGEST_POLICY = 64 * 1024
"""Octets. Longer ones need not be read (RFC 8461 section 3.3)."""


def is_version(text: str, version: str) -> bool:
    """The record begins with `v=<version>;` (RFC 8460 and 8461, sections 3 and 3.1)."""
    name, mark, value = text.partition(";")[0].partition("=")
    return bool(mark) and name.strip() == "v" and value.strip() == version


@dataclass(frozen=True, slots=True, kw_only=True)
class StsPolicy:
    """The policy file, as far as a sender would have got."""

    host: str
    host_exists: bool = True
    """The name of the policy host has an address."""
    distrusted: str | None = None
    """Why the certificate of the policy host is not accepted."""
    status: int = 0
    """Of the HTTP response; 0 when there was none."""
    media_type: str = ""
    too_long: bool = False
    text: str = ""
    complaint: str | None = None
    """What is wrong with the grammar of the text."""
    unknown: Unavailable | None = None

    @property
    def fault(self) -> str | None:
        """Why a sender finds no policy; None when it does."""
        if not self.host_exists:
            return f"{self.host} has no address"
        if self.distrusted:
            return f"the certificate of {self.host} is not accepted: {self.distrusted}"
        if self.status != 200:
            return f"{self.host} answers {self.status}, where only 200 counts"
        if self.too_long:
            return f"the policy is longer than {LARGEST_POLICY} octets"
        if self.media_type != "text/plain":
            return f"the policy is sent as {self.media_type or 'nothing in particular'}, not as text/plain"
        return self.complaint

    def values(self, key: str) -> tuple[str, ...]:
        """All values of one key, lower case."""
        pairs = (line.partition(":") for line in self.text.splitlines())
        return tuple(value.strip().lower() for name, _, value in pairs if name.strip().lower() == key)

    @property
    def mode(self) -> str:
        """What the policy asks for: "enforce", "testing" or "none"."""
        return next(iter(self.values("mode")), "none")

    @property
    def max_age(self) -> int:
        """Seconds."""
        text = next(iter(self.values("max_age")), "")
        return int(text) if text.isdecimal() and len(text) < 12 else 0

    def covers(self, host: str) -> bool:
        """A pattern matches the whole name; `*.` stands for exactly one label (section 4.1)."""
        name = host.rstrip(".").lower()
        parent = name.partition(".")[2]
        return any(
            p == name or (p.startswith("*.") and parent and p[2:] == parent) for p in self.values("mx")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MtaSts:
    """The record and the policy. A domain without a record has no policy either."""

    records: tuple[str, ...] = ()
    """TXT records at `_mta-sts` that begin with v=STSv1."""
    complaint: str | None = None
    policy: StsPolicy | None = None
    """None where there is no single record, so that no sender asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsReporting:
    """The TLS-RPT record."""

    records: tuple[str, ...] = ()
    complaint: str | None = None
