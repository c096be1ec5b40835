"""What the host uses against what the world sees: DKIM keys and certificates."""

import pytest

from auditor.checks import dkim_key_matches_signer, tls_certificate_as_on_disk
from auditor.evidence.disk_certificates import CertificatesOnDisk, fingerprint
from auditor.evidence.dkim import DkimKey, DkimKeys, SignerKey, SignerKeys
from auditor.evidence.dns import Existence
from auditor.evidence.reply import Reply
from auditor.evidence.smtp import Door, Session, SmtpSessions
from auditor.evidence.tls import TlsSession
from auditor.inside.command import Output
from auditor.inside.keys import EMPTY, certificates_on_disk, signer_keys
from auditor.model import Domain, Failed, Inconclusive, NotApplicable, Passed, PerHost, Reason, Unavailable

DOMAIN = Domain(name="example.org", hosts=("mx1",))
NONE = Unavailable(Reason.PRIVILEGE, "dkim-signers: privilege")
OK = Reply(code=250, lines=("ok",))


def out(text: str) -> Output:
    return Output(command="x", exit_code=0, stdout=text.encode())


def published(*, public: str = "MIIB", selector: str = "mail", declared: tuple[str, ...] = ()) -> DkimKeys:
    keys = (DkimKey(selector=selector, records=("v=DKIM1",), public=public),)
    return DkimKeys(below=Existence.NODATA, declared=declared, keys=keys)


def signing(*keys: tuple[str, str, str]) -> PerHost[SignerKeys]:
    made = tuple(SignerKey(domain=d, selector=s, public=p) for d, s, p in keys)
    return PerHost((("mx1", SignerKeys(keys=made)),))


@pytest.mark.parametrize(
    ("dns", "signers", "kind"),
    [
        (published(), signing(("example.org", "mail", "MIIB")), Passed),
        (published(public="OTHER"), signing(("example.org", "mail", "MIIB")), Failed),
        (published(public=""), signing(("example.org", "mail", "MIIB")), Failed),
        (published(declared=("new",)), signing(("example.org", "new", "MIIB")), Failed),
        (published(), signing(("example.org", "odd", "MIIB")), Inconclusive),
        (published(), signing(("other.example", "mail", "XXXX")), NotApplicable),
        (published(), signing(), NotApplicable),
        (published(), PerHost((("mx1", NONE),)), Inconclusive),
        (published(), PerHost(), Inconclusive),
        (
            published(),
            PerHost((*signing(("example.org", "mail", "MIIB")).found, ("mx2", NONE))),
            Inconclusive,
        ),
    ],
)
def test_the_signer_s_key_is_compared_with_the_published_one(dns, signers, kind):
    assert isinstance(dkim_key_matches_signer.judge(DOMAIN, dns, signers), kind)


def test_public_halves_are_read_as_dns_has_them():
    rsa, ed = "MIIBIjANBgkqhkiG9w0BAQEFAAOC", "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    found = signer_keys(
        out(f"Example.org|mail|{rsa}\nexample.org|ed|{ed}\njunk\nexample.org|mail|{rsa}\n||!!\n")
    )
    assert found.keys == (
        SignerKey(domain="example.org", selector="mail", public=rsa),
        SignerKey(domain="example.org", selector="ed", public=ed[16:], algorithm="ed25519"),
    )


def serving(der: bytes | None) -> SmtpSessions:
    tls = TlsSession(version="TLSv1.3", cipher="x", bits=256, chain=(der,)) if der else None
    session = Session(local="203.0.113.10", banner=OK, hello=OK, tls=tls)
    return SmtpSessions(doors=(Door(address="198.51.100.10", port=25, session=session),))


@pytest.mark.parametrize(
    ("on_disk", "served", "kind"),
    [
        (b"new", b"new", Passed),
        (b"new", b"old", Failed),
        (b"new", None, NotApplicable),
        (None, b"old", Inconclusive),
    ],
)
def test_the_served_certificate_is_compared_with_the_files(on_disk, served, kind):
    files = (("/etc/ssl/certs/mx.pem", fingerprint(on_disk)),) if on_disk else ()
    verdict = tls_certificate_as_on_disk.judge(CertificatesOnDisk(files=files), serving(served), NONE)
    assert isinstance(verdict, kind)


def test_exim_without_a_file_makes_its_own_certificate():
    """Debian 13's stock Exim: tls_certificate is empty and STARTTLS works."""
    disk = certificates_on_disk(out("in-memory\n"))
    assert isinstance(tls_certificate_as_on_disk.judge(disk, serving(b"fresh"), NONE), NotApplicable)


def test_a_file_without_a_certificate_is_none():
    good = fingerprint(b"x")
    found = certificates_on_disk(out(f"{good}|/etc/a.pem\n{EMPTY}|/etc/empty.pem\nnonsense\n"))
    assert found.files == (("/etc/a.pem", good),)
