from dataclasses import replace

import pytest

from auditor.checks import submission_available
from auditor.evidence.disk_certificates import CertificatesOnDisk
from auditor.evidence.mta import Mta
from auditor.evidence.mta_package import MtaPackage
from auditor.evidence.roles import HostRoles, Role
from auditor.evidence.smtp import SubmissionSessions
from auditor.model import Declared, Failed, Reason, Status, Unavailable
from auditor.net import CannotLook
from tests.mail_server import MailServer, network
from tests.scanning import HOST, find

SERVES_USERS = replace(HOST, declared=Declared(roles=("mx", "submission")))


async def test_auth_within_tls_on_587_is_enough():
    server = MailServer(extensions_tls=("AUTH PLAIN",))
    finding = await find("submission-available", network(p587=server), host=SERVES_USERS)
    assert finding.status is Status.PASSED


async def test_auth_on_465_is_enough():
    server = MailServer(extensions_tls=("AUTH PLAIN",))
    finding = await find("submission-available", network(p465=server), host=SERVES_USERS)
    assert finding.status is Status.PASSED


async def test_a_host_for_users_without_it_fails():
    finding = await find("submission-available", network(smtp=MailServer()), host=SERVES_USERS)
    assert finding.status is Status.FAILED


async def test_a_port_without_auth_is_no_submission():
    finding = await find("submission-available", network(p587=MailServer()), host=SERVES_USERS)
    assert finding.status is Status.FAILED


async def test_a_mere_mx_needs_none():
    finding = await find("submission-available", network(smtp=MailServer()))
    assert finding.status is Status.NOT_APPLICABLE


async def test_a_filtered_port_is_unknown():
    filtered = CannotLook(Reason.TIMEOUT, "no answer")
    finding = await find("submission-available", network(p587=filtered), host=SERVES_USERS)
    assert (finding.status, finding.reason) == (Status.UNKNOWN, Reason.TIMEOUT)


SUBMISSION = HostRoles(roles=(Role.SUBMISSION,), declared=True)
OLD, NEW = (
    MtaPackage(mta=Mta.OPENSMTPD, program="/usr/sbin/smtpd", package="opensmtpd", version=version)
    for version in ("6.8.0p2-4+b4", "7.6.0p1-1")
)


UNSEEN = Unavailable(Reason.NOT_CONSENTED, "nobody looked inside")


def test_a_program_that_breaks_every_handshake_is_no_work_for_the_playbook():
    verdict = submission_available.judge(SUBMISSION, SubmissionSessions(doors=()), OLD, UNSEEN)
    assert isinstance(verdict, Failed)
    assert "bookworm-backports" in (verdict.by_hand or "")


@pytest.mark.parametrize("package", [NEW, Unavailable(Reason.NOT_CONSENTED, "nobody looked inside")])
def test_any_other_program_is(package):
    verdict = submission_available.judge(SUBMISSION, SubmissionSessions(doors=()), package, UNSEEN)
    assert isinstance(verdict, Failed)
    assert verdict.by_hand is None


@pytest.mark.parametrize(
    ("certificates", "told"),
    [
        (CertificatesOnDisk(), 1),
        (CertificatesOnDisk(in_memory=True), 0),
        (CertificatesOnDisk(files=(("/etc/ssl/mx1.pem", "00" * 32),)), 0),
        (UNSEEN, 0),
    ],
)
def test_that_the_mail_program_has_no_certificate_is_told_since_the_repair_must_be_given_one(
    certificates, told
):
    verdict = submission_available.judge(SUBMISSION, SubmissionSessions(doors=()), NEW, certificates)
    assert [row.get("certificate") for row in verdict.observed] == ["none"] * told
