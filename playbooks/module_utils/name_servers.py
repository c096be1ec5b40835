"""Authoritative name servers, asked directly and updated by RFC 2136 with TSIG. For the controller, which has dnspython."""

from __future__ import annotations

import errno
import time
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.zone_text import quoted

try:
    import dns.exception
    import dns.flags
    import dns.message
    import dns.name
    import dns.query
    import dns.rcode
    import dns.rdatatype
    import dns.resolver
    import dns.tsigkeyring
    import dns.update

    PROBLEMS: tuple[type[Exception], ...] = (dns.exception.DNSException, OSError)
except ImportError:
    PROBLEMS = (OSError,)

SECONDS = 5.0
MOST_EXCHANGERS = 20


class Primary:
    """The zone's primary server, asked directly."""

    def __init__(self, server: dict[str, Any]) -> None:
        self.address, self.port = str(server["address"]), int(server.get("port", 53))
        self.keys = None
        if server.get("secret"):
            algorithm = dns.name.from_text(str(server.get("algorithm", "hmac-sha256")))
            self.keys = dns.tsigkeyring.from_text({str(server["key_name"]): (algorithm, str(server["secret"]))})

    def data(self, name: str, kind: str, address: str = "") -> list[Any]:
        """What an authoritative server answers, as it is written there; [] for a proven absence."""
        return [rdata for rrset in self._answer(name, kind, address) for rdata in rrset]

    def _answer(self, name: str, kind: str, address: str = "") -> list[Any]:
        query = dns.message.make_query(name, kind, use_edns=True)
        port = 53 if address else self.port
        answer, _ = dns.query.udp_with_fallback(query, address or self.address, timeout=SECONDS, port=port)
        if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            raise dns.exception.DNSException(f"{dns.rcode.to_text(answer.rcode())} for {name}")
        wanted = dns.rdatatype.from_text(kind)
        return [rrset for rrset in answer.answer if rrset.rdtype == wanted]

    def ttl(self, name: str, kind: str) -> int:
        """Seconds for which others keep what is there; 0 where nothing is."""
        return max((int(rrset.ttl) for rrset in self._answer(name, kind)), default=0)

    def values(self, name: str, kind: str, address: str = "") -> list[str]:
        """The same as text, the strings of a TXT joined."""
        return [said(rdata) for rdata in self.data(name, kind, address)]

    def zone(self, name: str) -> str:
        """The zone that holds a name: the nearest parent with a SOA."""
        labels = name.split(".")
        for at in range(len(labels) - 1):
            if self.values(candidate := ".".join(labels[at:]), "SOA"):
                return candidate
        raise dns.exception.DNSException(f"{self.address} holds no zone of {name}")

    def holds(self, name: str) -> bool:
        """Can the name be updated here at all?"""
        try:
            return bool(self.zone(name))
        except dns.exception.DNSException:
            return False

    def servers(self, zone: str) -> list[str]:
        """Addresses of the zone's name servers, from this primary or, where it does not know them, from the resolver."""
        found: set[str] = set()
        for name in self.values(zone, "NS"):
            for kind in ("A", "AAAA"):
                try:
                    found |= set(self.values(name, kind))
                except dns.exception.DNSException:
                    found |= _resolved(name, kind)
        return sorted(found)

    def replace(self, zone: str, record: dict[str, Any]) -> None:
        """One update: what the record replaces goes, by its very data (others split a long TXT elsewhere), and it comes.

        `beside` leaves every other value, `gone` takes only its own away.
        """
        update = dns.update.UpdateMessage(zone, keyring=self.keys)
        name = dns.name.from_text(record["name"])
        for rdata in self.data(record["name"], record["type"]):
            if _gives_way(said(rdata), record):
                update.delete(name, rdata)
        if not record.get("gone"):
            update.add(name, record["ttl"], record["type"], quoted(record))
        answer = dns.query.tcp(update, self.address, timeout=SECONDS, port=self.port)
        if answer.rcode() != dns.rcode.NOERROR:
            raise dns.exception.DNSException(f"the server refuses the update of {record['name']}: {dns.rcode.to_text(answer.rcode())}")

    def await_everywhere(self, records: list[dict[str, Any]], seconds: float) -> str | None:
        """Wait until every name server answers every record; the first that does not in time, in words."""
        deadline = time.monotonic() + seconds
        for record in records:
            for address in self.servers(self.zone(record["name"])) or [self.address]:
                while (why := self._lags(address, record)) and time.monotonic() < deadline:
                    time.sleep(1)
                if why:
                    return why
        return None

    def _lags(self, address: str, record: dict[str, Any]) -> str | None:
        try:
            told = self.values(record["name"], record["type"], "" if address == self.address else address)
        except OSError as error:
            # A controller without IPv6 cannot ask an IPv6 address, and need not: it is the same server's other address.
            elsewhere = ":" in address and error.errno in (errno.ENETUNREACH, errno.EADDRNOTAVAIL)
            return None if elsewhere else f"{address}: {error}"
        except dns.exception.DNSException as error:
            return f"{address}: {error}"
        if (record["value"] in told) is not bool(record.get("gone")):
            return None
        return f"{address} {'still answers' if record.get('gone') else 'does not answer'} {record['name']}{'' if record.get('gone') else ' yet'}"


def _gives_way(value: str, record: dict[str, Any]) -> bool:
    if record.get("gone") or record.get("beside"):
        return bool(record.get("gone")) and value == record["value"]
    return value != record["value"] and (record["type"] != "TXT" or value.startswith(record["owns"]))


@dataclass(frozen=True)
class Said:
    """What a resolver answers."""

    values: tuple[str, ...] = ()
    secure: bool = False  # it validated the answer, or says that it did
    ttl: int = 0
    canonical: str = ""


def looked_up(name: str, kind: str, resolver: str = "") -> Said:
    """Ask a resolver, by default the system's; a proven absence is an answer. Raises DNSException for none at all."""
    asked = dns.resolver.Resolver(configure=not resolver)
    if resolver:
        asked.nameservers = [resolver]
    asked.lifetime = SECONDS
    asked.use_edns(0, dns.flags.DO, 1232)
    asked.set_flags(dns.flags.RD | dns.flags.AD)
    try:
        answer = asked.resolve(dns.name.from_text(name), kind, raise_on_no_answer=False)
    except dns.resolver.NXDOMAIN as absent:
        responses = absent.responses().values()
        return Said(secure=any(bool(response.flags & dns.flags.AD) for response in responses))
    values = tuple(said(rdata) for rdata in answer.rrset or ())
    return Said(
        values=values,
        secure=bool(answer.response.flags & dns.flags.AD),
        ttl=int(answer.rrset.ttl) if answer.rrset is not None else 0,
        canonical=answer.canonical_name.to_text(omit_final_dot=True),
    )


def exchangers(domain: str, resolver: str = "") -> list[str]:
    """MX hosts, the preferred one first. Without MX the domain itself (RFC 5321 section 5.1), with a null MX none (RFC 7505)."""
    pairs = []
    for value in (found := looked_up(domain, "MX", resolver)).values:
        preference, _, target = value.partition(" ")
        if name := target.strip().rstrip(".").lower():
            pairs.append((int(preference), name))
    if not found.values:
        return [domain]
    return [name for _, name in sorted(pairs)][:MOST_EXCHANGERS]


def _resolved(name: str, kind: str) -> set[str]:
    try:
        return {rdata.to_text() for rdata in dns.resolver.resolve(name, kind, lifetime=SECONDS)}
    except dns.exception.DNSException:
        return set()


def answered(records: list[dict[str, Any]]) -> bool:
    """Does every name server of the zones answer every record already? False also where that cannot be seen."""
    try:
        for record in records:
            zone = dns.resolver.zone_for_name(record["name"], lifetime=SECONDS).to_text(omit_final_dot=True)
            servers = [rdata.to_text() for rdata in dns.resolver.resolve(zone, "NS", lifetime=SECONDS)]
            first = min((address for name in servers for address in _resolved(name, "A")), default="")
            if not first or Primary({"address": first}).await_everywhere([record], 0):
                return False
    except (dns.exception.DNSException, OSError):
        return False
    return bool(records)


def said(rdata: Any) -> str:
    if rdata.rdtype != dns.rdatatype.TXT:
        return str(rdata.to_text())
    return b"".join(rdata.strings).decode("utf-8", "backslashreplace")
