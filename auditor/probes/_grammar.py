"""Does a policy record follow its grammar? Asked of checkdmarc, the reference among the peers.

checkdmarc looks names up while it parses. Here it gets a resolver that answers everything at once with
something harmless, so what it says is about the text alone: what the names hold was asked before, by us,
and "no answer" must never turn into a permanent error (its known confusion of the two).
Each function returns the first complaint, or None.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class _Record:
    text: str
    preference: int = 10

    @property
    def strings(self) -> tuple[bytes, ...]:
        return (self.text.encode(),)

    @property
    def exchange(self) -> "_Record":
        return self

    def to_text(self) -> str:
        return self.text


class _Agreeable:
    """Stands where checkdmarc expects a dns.resolver.Resolver."""

    lifetime = timeout = 1.0
    nameservers = ("192.0.2.53",)

    def resolve(self, name: object, kind: str = "A", **_options: object) -> list[_Record]:
        match kind:
            case "TXT":
                return [_Record("v=DMARC1" if "._report." in str(name) else "v=spf1 -all")]
            case "A":
                return [_Record("192.0.2.1")]
            case "MX":
                return [_Record("mx.invalid.")]
            case _:
                return []


def _complaint(kinds: tuple[type[Exception], ...], parse: Callable[..., Any], record: str) -> str | None:
    from checkdmarc import utils  # noqa: PLC0415 - 350 ms, wanted only by a scan

    utils.DNS_CACHE.clear()  # it outlives scans, and must not keep what _Agreeable said
    try:
        parse(record)
    except kinds as error:
        text = " ".join(str(error).split())
        return text if text.isascii() and text.isprintable() else ascii(text)[1:-1]
    return None


def spf_complaint(record: str) -> str | None:
    """RFC 7208 sections 4.6.1, 5, 6 and 7: mechanisms, networks, macros."""
    from checkdmarc import spf  # noqa: PLC0415 - see _complaint

    def parse(text: str) -> object:
        try:
            return spf.parse_spf_record(
                text, "record.invalid", resolver=_Agreeable(), ignore_too_many_lookups=True
            )
        except spf.SPFSyntaxError:
            raise
        except spf.SPFError:
            return None  # about the names, not about the text

    return _complaint((spf.SPFSyntaxError, ValueError), parse, record)


def dmarc_complaint(record: str) -> str | None:
    """RFC 9989 section 4.7: tags and their values."""
    from checkdmarc import dmarc  # noqa: PLC0415 - see _complaint

    def parse(text: str) -> object:
        return dmarc.parse_dmarc_record(text, "record.invalid", resolver=_Agreeable())

    return _complaint((dmarc.DMARCError, ValueError), parse, record)


def sts_record_complaint(record: str) -> str | None:
    """RFC 8461 section 3.1."""
    from checkdmarc import mta_sts  # noqa: PLC0415 - see _complaint

    return _complaint((mta_sts.MTASTSError, ValueError), mta_sts.parse_mta_sts_record, record)


def sts_policy_complaint(policy: str) -> str | None:
    """RFC 8461 section 3.2."""
    from checkdmarc import mta_sts  # noqa: PLC0415 - see _complaint

    return _complaint((mta_sts.MTASTSError, ValueError), mta_sts.parse_mta_sts_policy, policy)


def tls_rpt_complaint(record: str) -> str | None:
    """RFC 8460 section 3."""
    from checkdmarc import smtp_tls_reporting  # noqa: PLC0415 - see _complaint

    return _complaint(
        (smtp_tls_reporting.SMTPTLSReportingError, ValueError),
        smtp_tls_reporting.parse_smtp_tls_reporting_record,
        record,
    )
