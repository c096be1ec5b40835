"""What a mail host is set up as: a shell script per mail program, as an admin would type it, and the zone beside it.

``profiles/<profile>/all.sh`` and then ``<mta>.sh`` run before systemd starts; ``after.sh`` runs in a login session
of the booted host. Profiles: stock (what Debian installs, made to listen), weak (every named check fails), hardened.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.lab.authority import dkim_pair
from tests.lab.zones import txt

if TYPE_CHECKING:
    from tests.lab.laboratory import Lab
    from tests.lab.machine import Host

_FOLDER: Final = Path(__file__).with_name("profiles")
NAMES: Final = ("stock", "weak", "hardened")
LOGIN: Final = "alice"
PASSWORD: Final = "walrus-Pencil-42-orbit"
# 512 bits: no current library makes such a key any more.
_SHORT_KEY: Final = "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAMHrMZtrMTcrCw1XvUTvIlgWSdRCaHL7jfToGMO6xMB8Foz2/dFkyOHih+6vi2n/kAEjZ+uWR2qW0QlHy/XYEwECAwEAAQ=="
DKIM_SELECTORS: Final = {"stock": (), "weak": ("mail", "old"), "hardened": ("mail",)}


@dataclass(kw_only=True)
class Plan:
    """What a profile brings to one host: zone lines, files to put below /var/lib/lab, whether the zone is signed."""

    records: list[str]
    files: dict[str, str] = field(default_factory=dict)
    zones: dict[str, list[str]] = field(default_factory=dict)
    """Zones of other domains of the same owner."""
    signed: bool = False


def profile_script(profile: str, *, mta: str, release: str) -> str:
    """The set-up script, with ``$MTA``, ``$RELEASE`` and ``$PASSWORD`` set."""
    head = f"MTA={mta} RELEASE={release} PASSWORD={PASSWORD}\nexport DEBIAN_FRONTEND=noninteractive\n"
    if profile == "none":
        return head
    if profile not in NAMES:
        raise ValueError(f"no profile {profile}; there are {', '.join(NAMES)} and none")
    parts = [_FOLDER / profile / "all.sh", _FOLDER / profile / f"{mta}.sh"]
    return "\n".join([head, *(part.read_text(encoding="utf-8") for part in parts if part.exists()), ""])


def apply_profile(profile: str, lab: "Lab", host: "Host") -> None:
    """Publish the domain's zone and reverse names, and give the host what its set-up expects."""
    plan = _PLANS.get(profile, _stock)(lab, host)
    host.files.update(plan.files)
    after = _FOLDER / profile / "after.sh"
    if after.exists():
        host.by_hand = f"MTA={host.mta} RELEASE={host.release}\n{after.read_text(encoding='utf-8')}"
    own = [f"{host.name}. A {host.v4}", f"{host.name}. AAAA {host.v6}", f"@ MX 10 {host.name}."]
    lab.names.zone(host.domain, own + plan.records, signed=plan.signed)
    if plan.zones:
        lab.names.zones(plan.zones)
    lab.names.reverse({host.v4: host.name, host.v6: host.name})


def _stock(_lab: "Lab", _host: "Host") -> Plan:
    return Plan(records=[])


def parked(domain: str) -> str:
    """The second domain of a weak host's owner, which takes no mail and is said to send some."""
    return f"parked-{domain}"


def _weak(_lab: "Lab", host: "Host") -> Plan:
    # Two SPF records, one with eleven look-ups and +all; of the two selectors in use one is missing, one has 512 bits.
    # Two records are none, so the parked domain has what can be wrong with a single one, and a DMARC record that asks for
    # nothing.
    eleven = range(11)
    includes = " ".join(f"include:s{n}.{host.domain}" for n in eleven)
    return Plan(
        records=[
            *(f's{n} TXT "v=spf1 ip4:192.0.2.{n} -all"' for n in eleven),
            f"@ TXT {txt(f'v=spf1 {includes} +all')}",
            '@ TXT "v=spf1 mx ?all"',
            f'old._domainkey TXT "v=DKIM1; k=rsa; t=y; p={_SHORT_KEY}"',
        ],
        zones={
            parked(host.domain): [
                "@ MX 0 .",
                f"@ TXT {txt(f'v=spf1 {includes} +all')}",
                '_dmarc TXT "v=DMARC1; p=none"',
            ]
        },
    )


def _hardened(lab: "Lab", host: "Host") -> Plan:
    credential = lab.authority.issue(host.name, host.v4, host.v6)
    private, public = dkim_pair(2048)
    lab.loghost()
    records = [
        '@ TXT "v=spf1 mx -all"',
        f'{host.name}. TXT "v=spf1 a -all"',
        f"mail._domainkey TXT {txt(public)}",
        f'_dmarc TXT "v=DMARC1; p=reject; rua=mailto:postmaster@{host.domain}"',
        f'_smtp._tls TXT "v=TLSRPTv1; rua=mailto:postmaster@{host.domain}"',
    ]
    if offers_tls(host.mta, host.release):
        # The key in use, and the one that waits for the next renewal: RFC 7671 section 8.4.
        spare = lab.authority.issue(host.name)
        records += [f"_25._tcp.{host.name}. TLSA {one.tlsa}" for one in (credential, spare)]
    files = {
        "cert.pem": credential.certificate,
        "key.pem": credential.key,
        "ca.pem": lab.authority.pem,
        "dkim.pem": private,
    }
    return Plan(records=records, files=files, signed=True)


def offers_tls(mta: str, release: str) -> bool:
    """Whether the mail program's package can take TLS: OpenSMTPD 6.8 with OpenSSL 3 breaks every handshake."""
    return (mta, release) != ("opensmtpd", "bookworm")


_PLANS: Final[dict[str, Callable[["Lab", "Host"], Plan]]] = {
    "stock": _stock,
    "weak": _weak,
    "hardened": _hardened,
}
