"""Builders of DNS evidence: scripted answers through the real probe, so that a test shows what the zone says."""

import base64
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from auditor.evidence.dkim import DkimKeys
from auditor.evidence.dmarc import DmarcPolicy
from auditor.evidence.mx import MailExchangers
from auditor.evidence.spf import SpfRecord, SpfTree
from auditor.model import Declared, Domain, Options, PerHost, Reason, Unavailable
from auditor.net import CannotLook
from auditor.probes.dkim import dkim_keys
from auditor.probes.dmarc import dmarc_policy
from auditor.probes.mx import mail_exchangers
from auditor.probes.spf import spf_tree
from tests.scripted import ScriptedNetwork, answer

DOMAIN = Domain(name="example.org")
SENDS = SpfTree(records=(SpfRecord(domain="example.org", records=("v=spf1 mx -all",)),))
PARKED = SpfTree(records=(SpfRecord(domain="example.org", records=("v=spf1 -all",)),))
UNSEEN = Unavailable(Reason.TIMEOUT, "x")


def zone(table):
    """`"name KIND": records` as the scripted resolver wants it; one record may stand alone."""
    said = {}
    for key, value in table.items():
        name, kind = key.split(maxsplit=1)
        said[name, kind] = (value,) if isinstance(value, str) else value
    return ScriptedNetwork(said)


async def spf(record=None, **others) -> SpfTree:
    """The tree below example.org, whose own record is `record`: a text, several, or None."""
    own = answer("example.org", "TXT") if record is None else record
    return await spf_tree(DOMAIN, zone({"example.org TXT": own, **others}))


@cache
def rsa(bits=2048, form=PublicFormat.SubjectPublicKeyInfo):
    key = generate_private_key(65537, bits).public_key()
    return "v=DKIM1; k=rsa; p=" + base64.b64encode(key.public_bytes(Encoding.DER, form)).decode()


@cache
def ed25519():
    octets = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return "v=DKIM1; k=ed25519; p=" + base64.b64encode(octets).decode()


async def keys(*declared, **selectors) -> DkimKeys:
    """Keys of example.org: selector=record; the inventory names `declared`."""
    said = {f"{name}._domainkey.example.org TXT": value for name, value in selectors.items()}
    domain = Domain(name="example.org", declared=Declared(dkim_selectors=declared))
    return await dkim_keys(
        domain, zone({"example.org MX": "10 mx.example.org", **said}), Options(), PerHost()
    )


async def policy(record=None, name="example.org", **others) -> DmarcPolicy:
    """The policy for `name`; `others` without a kind are TXT."""
    said = {key if " " in key else f"{key} TXT": value for key, value in others.items()}
    if record is not None:
        said[f"_dmarc.{name} TXT"] = record
    return await dmarc_policy(Domain(name=name), zone(said))


async def mx(*records, ttl=300, **others) -> MailExchangers:
    """The MX record set of example.org and what its targets hold."""
    own = answer("example.org", "MX", *records)
    return await mail_exchangers(DOMAIN, zone({"example.org MX": own, **others}))


def failing(reason=Reason.SERVFAIL) -> CannotLook:
    return CannotLook(reason, "x")
