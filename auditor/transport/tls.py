"""TLS as OpenSSL does it, without its opinion: every handshake that can be had is had, trust is judged afterwards.

The handshake runs with CERT_NONE, because a bad certificate is evidence and no reason to see nothing.
The presented chain is then verified offline against this machine's roots, so no second connection is needed.
"""

import contextlib
import re
import ssl
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from auditor.evidence.tls import TlsSession
from auditor.net import TlsMode, TlsOffer

_VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}
_EVERYTHING = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"
"""eNULL, aNULL and 1024-bit keys too: SECLEVEL 0 is the only level at which OpenSSL 3 speaks TLS 1.0."""
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
MAX_CHAIN = 20
"""Certificates kept of one handshake; real chains have two to four."""


def context_for(offer: TlsOffer) -> ssl.SSLContext:
    """A client context that offers what was asked for and trusts anybody.

    Raises ssl.SSLError when this OpenSSL has none of the ciphers asked for.
    """
    legacy = offer.mode is TlsMode.LEGACY
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with _unwarned():  # to offer TLS 1.0 is the purpose here
        context.minimum_version = _VERSIONS[offer.minimum or ("TLSv1" if legacy else "TLSv1.2")]
        context.maximum_version = _VERSIONS[offer.maximum or "TLSv1.3"]
    if legacy:
        context.options |= 0x4  # SSL_OP_LEGACY_SERVER_CONNECT; has a name from Python 3.12
        context.set_ciphers(_EVERYTHING)
    if offer.ciphers is not None:
        context.set_ciphers(offer.ciphers)
    return context


def server_name_for(offer: TlsOffer) -> str | None:
    """The name for SNI, which must not be an address (RFC 6066 section 3)."""
    if offer.server_name is None:
        return None
    name = offer.server_name.rstrip(".")
    try:
        ip_address(name)
    except ValueError:
        return name or None
    return None


def describe(engine: ssl.SSLObject, offer: TlsOffer, at: datetime) -> TlsSession:
    """Facts of a handshake that completed; `at` is the time at which the chain is verified."""
    cipher, version, bits = engine.cipher() or ("unknown", "unknown", 0)
    chain = _presented(engine)
    return TlsSession(
        version=engine.version() or version,
        cipher=cipher,
        bits=bits,
        chain=chain,
        verify_error=verify(chain, offer.server_name, at),
    )


def _presented(engine: ssl.SSLObject) -> tuple[bytes, ...]:
    """The chain as the server sent it. Public API from Python 3.13, private before."""
    public = getattr(engine, "get_unverified_chain", None)
    if public is not None:
        return tuple(public()[:MAX_CHAIN])
    inner = getattr(engine, "_sslobj", None)
    if inner is not None and hasattr(inner, "get_unverified_chain"):
        der = ssl._ssl.ENCODING_DER  # type: ignore[attr-defined]  # noqa: SLF001 - no other way before 3.13
        return tuple(cert.public_bytes(der) for cert in (inner.get_unverified_chain() or ())[:MAX_CHAIN])
    leaf = engine.getpeercert(binary_form=True)
    return (leaf,) if leaf else ()


@cache
def _roots() -> Store | None:
    """Certificate authorities of this machine, as OpenSSL would find them; SSL_CERT_FILE is honoured."""
    paths = ssl.get_default_verify_paths()
    for path in _root_files(paths):
        try:
            found = _certificates(path.read_bytes())
        except OSError:
            continue
        if found:
            return Store(found)
    return None


def _certificates(pem: bytes) -> list[x509.Certificate]:
    """Every one that can be read: one root with an odd serial number must not cost all the others."""
    found = []
    for block in _PEM.findall(pem):
        with _unwarned(), contextlib.suppress(ValueError):
            found.append(x509.load_pem_x509_certificate(block))
    return found


@contextmanager
def _unwarned() -> Iterator[None]:
    """What a library thinks of a stranger's certificate is no message to our user."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _root_files(paths: ssl.DefaultVerifyPaths) -> Iterable[Path]:
    if paths.cafile:
        yield Path(paths.cafile)
    if paths.capath:
        yield Path(paths.capath) / "ca-certificates.crt"  # Debian's OpenSSL knows only the directory


def verify(chain: tuple[bytes, ...], name: str | None, at: datetime) -> str | None:
    """Why this chain is not trusted for this name, or None when it is."""
    if not chain:
        return "no certificate was presented"
    if name is None:
        return "no name to verify the certificate against"
    roots = _roots()
    if roots is None:
        return "this machine has no certificate authorities to verify against"
    try:
        with _unwarned():
            leaf, *rest = (x509.load_der_x509_certificate(der) for der in chain)
        builder = PolicyBuilder().store(roots).time(at.replace(tzinfo=None))
        builder.build_server_verifier(_subject(name)).verify(leaf, rest)
    except (VerificationError, ValueError, x509.UnsupportedGeneralNameType) as error:
        return str(error) or type(error).__name__
    return None


def _subject(name: str) -> x509.DNSName | x509.IPAddress:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name.rstrip("."))
