"""DKIM keys (RFC 6376, 8301, 8463, RFC 8553): what is published, and what a host signs with."""

import base64
import binascii
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from auditor.evidence.dns import Existence
from auditor.model import Inconclusive, NotApplicable, Passed, Reason, Unavailable, Verdict

GUESSES = ("default", "dkim", "mail", "s1", "selector1", "selector2", "google", "k1")
"""Selectors that most signers choose; finding one proves a key, finding none proves nothing.

default: OpenDKIM's own (opendkim-genkey(8)), dkim: mailcow and Hetzner, mail: the manuals of OpenDKIM on Debian, s1: SendGrid,
selector1 and selector2: Microsoft 365, google: Google Workspace, k1: Mailchimp.
"""

MORE_GUESSES = (
    *("s2", "k2", "k3", "mandrill"),  # SendGrid, Mailchimp (two), Mandrill
    *("fm1", "fm2", "fm3"),  # Fastmail
    *("protonmail", "protonmail2", "protonmail3"),  # Proton Mail
    *("zoho", "mx", "smtp"),  # Zoho Mail, Mailgun (two)
)
"""Asked where none of those is there, or when the scan is to be thorough.

Each stands in the manual of its provider or in published zones of its customers, looked up on 2026-11-22. Selectors that are dates
or numbers of keys are not guessed: there is no end to them, and the inventory can name the one in use.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimKey:
    """What one selector holds."""

    selector: str
    records: tuple[str, ...] = ()
    canonical: str = ""
    """End of the CNAME chain: a provider's name, often."""
    algorithm: str = "rsa"
    bits: int = 0
    public: str = ""
    """The p= tag without blanks; "" when revoked."""
    hashes: tuple[str, ...] = ()
    """The h= tag; empty means every hash."""
    testing: bool = False
    problem: str | None = None
    """Why no verifier can use it."""

    @property
    def revoked(self) -> bool:
        """An empty p= is an answer: this key is no longer in use (RFC 6376 section 3.6.1)."""
        return bool(self.records) and self.problem is None and not self.public


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimKeys:
    """Keys of one domain."""

    below: Existence
    """Of `_domainkey`: NXDOMAIN proves that no selector exists (RFC 8020)."""
    wildcard: bool = False
    """A selector that nobody can have chosen got an answer."""
    declared: tuple[str, ...] = ()
    """Selectors that the inventory or the signer names; without any, the common ones were tried."""
    keys: tuple[DkimKey, ...] = ()
    """Those that exist and are no echo of the wildcard."""
    unknown: tuple[tuple[str, Unavailable], ...] = ()
    """Selectors that gave no answer."""

    @property
    def usable(self) -> tuple[DkimKey, ...]:
        """Keys that a signature can be verified with."""
        return tuple(key for key in self.keys if key.public and key.problem is None)


def read_tags(record: str) -> dict[str, str]:
    """`k=v; k=v` as DKIM and DMARC write it; the first of two equal tags counts."""
    tags: dict[str, str] = {}
    for part in record.split(";"):
        name, mark, value = part.partition("=")
        if mark:
            tags.setdefault(name.strip().lower(), value.strip())
    return tags


def read_key(selector: str, records: tuple[str, ...], canonical: str) -> DkimKey:
    """Parse what the DNS holds. Total: what cannot be parsed is a problem of the key."""
    tags = read_tags(records[0])
    public = "".join(tags.get("p", "").split())
    algorithm = tags.get("k", "rsa").lower()
    bits, problem = _measure(algorithm, public) if public else (0, None)
    if len(records) > 1:
        problem = f"{len(records)} TXT records: which one is the key is undefined"
    elif tags.get("v", "DKIM1") != "DKIM1":
        problem = f"the version {tags['v']!r} is not DKIM1"
    elif "p" not in tags:
        problem = "the p= tag is missing"
    elif not {"*", "email"} & {word.strip() for word in tags.get("s", "*").split(":")}:
        problem = f"s={tags['s']} does not allow mail"
    return DkimKey(
        selector=selector,
        records=records[:5],
        canonical=canonical,
        algorithm=algorithm,
        bits=bits,
        public=public,
        hashes=tuple(word.strip().lower() for word in tags.get("h", "").split(":") if word.strip()),
        testing="y" in {word.strip() for word in tags.get("t", "").split(":")},
        problem=problem,
    )


def _measure(algorithm: str, public: str) -> tuple[int, str | None]:
    try:
        octets = base64.b64decode(public, validate=True)
    except (binascii.Error, ValueError):
        return 0, "p= is not base64"
    if algorithm == "ed25519":
        return (256, None) if len(octets) == 32 else (0, f"an Ed25519 key of {len(octets)} octets, not 32")
    if algorithm != "rsa":
        return 0, f"the key type {algorithm!r} is unknown"
    try:
        key = load_der_public_key(octets)
    except (ValueError, UnsupportedAlgorithm, OverflowError):
        return 0, "p= is no public key"
    return (
        (key.key_size, None) if isinstance(key, RSAPublicKey) else (0, "k=rsa, but p= is another kind of key")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerKey:
    """One key that a host signs with, read on the host. Only the public half ever leaves it."""

    domain: str
    selector: str
    public: str
    """As the p= tag would have it: base64 of SubjectPublicKeyInfo (RSA) or of the 32 octets (Ed25519)."""
    algorithm: str = "rsa"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerKeys:
    """Everything that one host signs with."""

    keys: tuple[SignerKey, ...] = ()


def without_fault(keys: DkimKeys, judged: tuple[DkimKey, ...], good: Passed) -> Verdict:
    """The verdict where no key that could be judged is at fault: whether there are any, and whether these are all."""
    if keys.unknown and (keys.declared or not judged):
        selector, why = keys.unknown[0]
        return Inconclusive(f"selector {selector}: {why.detail}", why.reason)
    if judged:
        return good
    if keys.below is Existence.NXDOMAIN or keys.declared:
        return NotApplicable("no key is published")
    return Inconclusive("no key was found under the common selectors", Reason.NOT_DECLARED)
