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


def dmarc_record(domain: str, policy: str, reports: str, climb: str = "", *, sends: bool = True) -> dict[str, Any]:
    """RFC 9989: reports first, then quarantine, then reject. What stands there stays, but for one step towards `climb`.

    A domain that sends nothing has no mail that a policy could hit, so it goes to reject at once.
    """
    if policy not in LADDER or climb not in ("", *LADDER):
        raise ValueError(f"a DMARC policy is one of {', '.join(LADDER)}")
    rua = f"; rua=mailto:{reports}" if reports and sends else ""
    record = _record(f"_dmarc.{domain}", f"v=DMARC1; p={policy if sends else 'reject'}{rua}", "v=DMARC1")
    if not sends:
        return record | {"climb": "reject", "leap": True}
    return record | ({"climb": climb} if climb else {"keep": r";\s*p=(none|quarantine|reject)\b"})


def silent_records(domain: str, *, takes_mail: bool) -> list[dict[str, Any]]:
    """A domain that sends nothing: SPF and DMARC let nobody speak for it, and unless it takes mail, a null MX says so (RFC 7505).

    A null MX is never put in the place of hosts that take mail: that would be the end of it.
    """
    found = [spf_record(domain, [], [], sends=False), dmarc_record(domain, "reject", "", sends=False)]
    if takes_mail:
        return found
    taken = "it has MX hosts, so it takes mail. Take them away, or take the domain out of mail_silent_domains or into mail_domains."
    return [*found, null_mx_record(domain) | {"yields": r"^0 \.$", "taken": taken}]


def sts_record(domain: str, policy_id: str) -> dict[str, Any]:
    """RFC 8461 section 3.1. An id that is not of our making stays: who keeps the policy by hand keeps its id too."""
    record = _record(f"_mta-sts.{domain}", f"v=STSv1; id={policy_id}", "v=STSv1")
    return record | {"keep": r"^v=STSv1;\s*id=(?!auditor)[A-Za-z0-9]{1,32}\s*;?\s*$"}


def records_to_publish(printed: dict[str, Any]) -> list[str]:
    """What somebody has to do where no server takes updates from here: the records in both forms, ready to be copied."""
    return [
        *printed.get("remarks", []),
        "Publish these records at whoever keeps the zone (your DNS provider):",
        *printed["zone"].splitlines(),
        "The same for octoDNS:",
        *printed["octodns"].splitlines(),
    ]


def sts_instructions(policy: dict[str, Any]) -> list[str]:
    """What somebody with a web server has to do before the record may be published."""
    host = f"mta-sts.{policy['domain']}"
    return [
        f"{policy['domain']}: no _mta-sts record yet: {policy['why']}.",
        f"Give {host} an address and a certificate for that name, and serve this file at {policy['url']} as text/plain, without a redirect:",
        *policy["text"].splitlines(),
        "Then run the playbook again: it publishes the record when the file can be fetched.",
    ]


def dane_hosts(hosts: dict[str, Any], name: str, own: list[str]) -> dict[str, Any]:
    """Those MX hosts that are this machine: by an address of its own, or by its name where its addresses are translated."""
    mine = {ipaddress.ip_address(one) for one in own}
    return {known: host for known, host in hosts.items() if known == name or mine & {ipaddress.ip_address(one) for one in host["addresses"]}}


def tlsa_records(hosts: dict[str, Any], keys: dict[str, Any]) -> list[dict[str, Any]]:
    """TLSA 3 1 1 of every key that an address of the name presents, and of those that follow (RFC 7671 section 8).

    Senders keep a record for its TTL, so the next key comes beside the present one and waits; a record goes only when its
    key was presented once, is presented nowhere any more and does not follow. A value that nobody here knows may be
    somebody's next key: it stays. Unsigned names get none, and neither do those where one address could not be asked.
    """
    found = []
    for name, host in hosts.items():
        served = keys["served"].get(name, {})
        if not host["secure"] or host["alias"] or not served or not all(served.values()):
            continue
        wanted = [*dict.fromkeys([*served.values(), *keys["next"]])]
        old = [key for key in keys["former"] if key not in wanted]
        found += [_tlsa(name, key, host) | {"beside": True, "longest": 86400} for key in wanted]
        found += [_tlsa(name, key, host) | {"gone": True} for key in old]
    return found


def _tlsa(name: str, key: str, host: dict[str, Any]) -> dict[str, Any]:
    zone = {"zone": host["zone"]} if host.get("zone") else {}
    return {"name": f"_25._tcp.{name}", "type": "TLSA", "ttl": 3600, "value": f"3 1 1 {key}", "owns": "", "elsewhere": True, **zone}


def dane_obstacles(hosts: dict[str, Any], keys: dict[str, Any]) -> list[str]:
    """Why a host gets no TLSA records, one sentence each."""
    told = []
    for name, host in hosts.items():
        silent = [address for address, key in keys["served"].get(name, {}).items() if not key]
        if not host["secure"]:
            told.append(f"{name}: no TLSA record, because its zone is not signed, or the resolver that was asked does not validate.")
        elif host["alias"]:
            told.append(f"{name}: its TLSA name is an alias of {host['alias']}; publish the records there.")
        elif silent:
            told.append(f"{name}: no TLSA record, because {silent[0]} did not complete STARTTLS on port 25.")
    return told


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
            "silent_records": silent_records,
            "sts_record": sts_record,
            "records_to_publish": records_to_publish,
            "sts_instructions": sts_instructions,
            "dane_hosts": dane_hosts,
            "tlsa_records": tlsa_records,
            "dane_obstacles": dane_obstacles,
            "dkim_record": dkim_record,
            "with_milter": with_milter,
            "exim_dkim_domain": exim_dkim_domain,
        }
