"""The laboratory's own certificate authority and the other keys of its hosts."""

import base64
import datetime as dt
import hashlib
import ipaddress
import time
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_PEM: Final = serialization.Encoding.PEM
_DER: Final = serialization.Encoding.DER
_PKCS8: Final = serialization.PrivateFormat.PKCS8
_SPKI: Final = serialization.PublicFormat.SubjectPublicKeyInfo
_NO_PASSWORD: Final = serialization.NoEncryption()
_CA_USAGE: Final = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True, kw_only=True)
class Credential:
    """A certificate and its key in PEM, and the data of a ``TLSA 3 1 1`` record for it."""

    certificate: str
    key: str = field(repr=False)
    tlsa: str


class Authority:
    """Issues certificates that are valid for everybody who trusts `pem`."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("Laboratory root")
        ca = self._draft(self._name, self._key)
        ca = ca.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        ca = ca.add_extension(_CA_USAGE, critical=True)
        ca = ca.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False
        )
        self.pem = ca.sign(self._key, hashes.SHA256()).public_bytes(_PEM).decode()

    def issue(self, *names: str, days: int = 90) -> Credential:
        """A server certificate for DNS names and addresses, valid from an hour ago for `days` days."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives = [_alternative(name) for name in names]
        draft = self._draft(_named(names[0]), key, days)
        draft = draft.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        draft = draft.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        draft = draft.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        draft = draft.add_extension(issuer, critical=False)
        public = key.public_key().public_bytes(_DER, _SPKI)
        return Credential(
            certificate=draft.sign(self._key, hashes.SHA256()).public_bytes(_PEM).decode(),
            key=key.private_bytes(_PEM, _PKCS8, _NO_PASSWORD).decode(),
            tlsa=f"3 1 1 {hashlib.sha256(public).hexdigest()}",
        )

    def _draft(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, days: int = 3650
    ) -> x509.CertificateBuilder:
        begin = dt.datetime.fromtimestamp(time.time() - 3600, dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + dt.timedelta(days=days))
        )


def dkim_pair(bits: int) -> tuple[str, str]:
    """A private key in PEM and the text of its DKIM record."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    public = base64.b64encode(key.public_key().public_bytes(_DER, _SPKI)).decode()
    private = key.private_bytes(_PEM, serialization.PrivateFormat.TraditionalOpenSSL, _NO_PASSWORD).decode()
    return private, f"v=DKIM1; k=rsa; p={public}"


def _named(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
