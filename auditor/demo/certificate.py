"""A certificate such as an admin finds on a forgotten host: self-signed, for another name, run out."""

import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

NAME = "localhost"


def make(now: datetime) -> bytes:
    """Key and certificate as PEM: valid until yesterday."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=400))
        .not_valid_after(now - timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)


def context() -> ssl.SSLContext:
    """A server side that still speaks everything this OpenSSL can."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.set_ciphers("ALL:@SECLEVEL=0")
    made.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:  # load_cert_chain reads files only
        file.write(make(datetime.now(UTC)))  # noqa: TID251 - the certificate has to have run out today
        file.flush()
        made.load_cert_chain(Path(file.name))
    return made
