"""DNS records of a mail domain, computed from the inventory and from what the host says of itself. Pure."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

LADDER = ("none", "quarantine", "reject")


def _record(name: str, value: str, owns: str) -> dict[str, Any]:
    """A TXT record; `owns` begins the values at that name which it replaces, so that others there survive."""
    return {"name": name, "type": "TXT", "ttl": 3600, "value": value, "owns": owns}


def spf_record(domain: str, addresses: list[str], includes: list[str], *, sends: bool = True) -> dict[str, Any]:
    """RFC 7208: the addresses that send, named so that no look-up is spent on them, and -all."""
    if not sends:
        return _record(domain, "v=spf1 -all", "v=spf1")
    public = sorted({ipaddress.ip_address(one) for one in addresses}, key=lambda one: (one.version, int(one)))
    terms = ["mx", *(f"ip{one.version}:{one}" for one in public if not one.is_loopback), *(f"include:{one}" for one in includes)]
    return _record(domain, " ".join(["v=spf1", *terms, "-all"]), "v=spf1")


def dmarc_record(domain: str, policy: str, reports: str, keep: str = "none|quarantine|reject") -> dict[str, Any]:
    """RFC 7489: reports first, then quarantine, then reject."""
    if policy not in LADDER:
        raise ValueError(f"a DMARC policy is one of {', '.join(LADDER)}")
    rua = f"; rua=mailto:{reports}" if reports else ""
    record = _record(f"_dmarc.{domain}", f"v=DMARC1; p={policy}{rua}", "v=DMARC1")
    return record | {"keep": rf";\s*p=({keep})\b"}


def tls_rpt_record(domain: str, reports: str) -> dict[str, Any]:
    """RFC 8460."""
    return _record(f"_smtp._tls.{domain}", f"v=TLSRPTv1; rua=mailto:{reports}", "v=TLSRPTv1")


def null_mx_record(domain: str) -> dict[str, Any]:
    """RFC 7505: a domain that takes no mail says so."""
    return {"name": domain, "type": "MX", "ttl": 3600, "value": "0 .", "owns": ""}


def dkim_record(domain: str, selector: str, public: str, replace: bool) -> dict[str, Any]:
    """RFC 6376 section 3.6.1: one value per selector, and no t=y. Unless it may be replaced, another key there stays."""
    record = _record(f"{selector}._domainkey.{domain}", f"v=DKIM1; k=rsa; p={public}", "")
    return record if replace else record | {"yields": rf"p={re.escape(public)}(?:;|$)"}


def with_milter(main: dict[str, str], milter: str) -> dict[str, str]:
    """Postfix' lists of milters with one more at their end, for mail over SMTP and for mail of local programs."""
    wanted = {}
    for name in ("smtpd_milters", "non_smtpd_milters"):
        present = main.get(name, "").strip()
        named = milter in present or (name == "non_smtpd_milters" and "$smtpd_milters" in present)
        wanted[name] = present if named else ", ".join(part for part in (present, milter) if part)
    return wanted


def exim_dkim_domain(table: str) -> str:
    """Exim's dkim_domain: the domain of From where the table has it, for mail of our users, networks and programs only.

    A stranger's message that an alias forwards must not leave with our signature. The value comes out of the table,
    because what a sender wrote is tainted and is no file name or domain to Exim 4.94 and later.
    """
    ours = "or{{!def:sender_host_address}{def:authenticated_id}{match_ip{$sender_host_address}{+relay_from_hosts}}}"
    return f"${{if {ours}{{${{lookup{{${{lc:${{domain:$h_from:}}}}}}lsearch{{{table}}}}}}}}}"


class FilterModule:
    """Filters of the playbooks."""

    def filters(self) -> dict[str, Any]:
        return {
            "spf_record": spf_record,
            "dmarc_record": dmarc_record,
            "tls_rpt_record": tls_rpt_record,
            "null_mx_record": null_mx_record,
            "dkim_record": dkim_record,
            "with_milter": with_milter,
            "exim_dkim_domain": exim_dkim_domain,
        }
