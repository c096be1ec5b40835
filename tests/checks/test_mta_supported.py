from datetime import UTC, datetime

import pytest

from auditor.checks.mta_supported import judge
from auditor.evidence.mta import Mta, MtaDaemon, MtaRunning
from auditor.evidence.mta_package import MtaPackage
from auditor.evidence.processes import Process, ProcessTable
from auditor.evidence.system import Release
from auditor.inside.command import Output
from auditor.inside.packages import mta_package
from auditor.model import Failed, Inconclusive, Moment, Passed, Severity
from auditor.net import CannotLook

BOOKWORM = Release(id="debian", version="12", name="Debian GNU/Linux 12 (bookworm)")
TRIXIE = Release(id="debian", version="13", name="Debian GNU/Linux 13 (trixie)")
FEDORA = Release(id="fedora", version="42", name="Fedora Linux 42")
TODAY = Moment(datetime(2026, 11, 22, tzinfo=UTC))
TEAM = "Debian Postfix Team <team+postfix@tracker.debian.org>"


def package(mta=Mta.POSTFIX, version="3.10.13-0+deb13u1", maintainer=TEAM, name="postfix"):
    return MtaPackage(
        mta=mta, program="/usr/sbin/x", package=name, version=version, maintainer=maintainer if name else ""
    )


@pytest.mark.parametrize(
    ("mta", "version", "release"),
    [
        (Mta.POSTFIX, "3.7.11-0+deb12u1", BOOKWORM),
        (Mta.EXIM, "4.96-15+deb12u10", BOOKWORM),
        (Mta.SENDMAIL, "8.17.1.9-2+deb12u2", BOOKWORM),
        (Mta.POSTFIX, "3.10.13-0+deb13u1", TRIXIE),
        (Mta.EXIM, "4.98.2-1+deb13u5", TRIXIE),
        (Mta.OPENSMTPD, "7.6.0p1-1", TRIXIE),
        (Mta.SENDMAIL, "8.18.1-6+b1", TRIXIE),
    ],
)
def test_what_the_release_ships_is_mended_with_it(mta, version, release):
    found = judge(package(mta, version), release, TODAY)
    assert isinstance(found, Passed)
    assert version.split("-")[0] in found.summary


def test_opensmtpd_of_debian_12_breaks_every_tls_session_and_no_setting_mends_it():
    found = judge(package(Mta.OPENSMTPD, "6.8.0p2-4+b4"), BOOKWORM, TODAY)
    assert isinstance(found, Failed)
    assert found.severity is Severity.HIGH
    assert "bookworm-backports" in (found.by_hand or "")


def test_a_backport_is_mended_by_its_uploader_alone():
    found = judge(package(Mta.OPENSMTPD, "7.4.0p1-1~bpo12+1"), BOOKWORM, TODAY)
    assert isinstance(found, Failed)
    assert found.severity is Severity.LOW


def test_a_package_that_an_upgrade_left_over_fails():
    found = judge(package(version="3.7.11-0+deb12u1"), TRIXIE, TODAY)
    assert isinstance(found, Failed)
    assert found.severity is None
    assert "3.10" in found.summary


def test_a_release_that_has_ended_takes_the_program_with_it():
    late = Moment(datetime(2028, 7, 1, tzinfo=UTC))
    assert isinstance(judge(package(version="3.7.11-0+deb12u1"), BOOKWORM, late), Failed)


def test_a_program_that_was_built_by_hand_has_nobody_who_mends_it():
    found = judge(package(name="", version=""), TRIXIE, TODAY)
    assert isinstance(found, Failed)
    assert found.severity is Severity.MEDIUM


@pytest.mark.parametrize(
    ("mta", "version", "verdict"),
    [
        (Mta.POSTFIX, "3.5.25-1", Failed),
        (Mta.POSTFIX, "3.11.1-1", Passed),
        (Mta.EXIM, "4.98.2-1", Failed),
        (Mta.SENDMAIL, "8.18.1-1", Inconclusive),
    ],
)
def test_somebody_elses_package_is_judged_by_what_its_authors_mend(mta, version, verdict):
    found = judge(package(mta, version, "Vendor <packages@vendor.example>"), TRIXIE, TODAY)
    assert isinstance(found, verdict)
    assert "vendor.example" in found.summary


def test_a_release_that_is_not_in_the_table_is_unknown():
    assert isinstance(judge(package(), FEDORA, TODAY), Inconclusive)


RUNNING = MtaRunning(daemons=(MtaDaemon(mta=Mta.POSTFIX, pid=7, command="master", ports=(25,)),))
OWNED = f"/usr/lib/postfix/sbin/master|postfix|3.7.11-0+deb12u1|{TEAM}\n/usr/sbin/smtpd|opensmtpd|6.8|x\n"


def read(text, executable):
    processes = (Process(pid=7, parent=1, user="root", command="master", executable=executable),)
    output = Output(command="mta-packages", exit_code=0, stdout=text.encode())
    return mta_package(output, RUNNING, ProcessTable(processes=processes))


def test_the_package_is_that_of_the_file_that_runs():
    found = read(OWNED, "/usr/lib/postfix/sbin/master")
    assert (found.package, found.upstream, found.from_distribution) == ("postfix", "3.7.11", True)
    assert read(OWNED, "/opt/postfix/sbin/master").package == ""


def test_a_process_without_a_file_says_nothing():
    with pytest.raises(CannotLook):
        read(OWNED, "")


def test_a_host_without_dpkg_is_not_judged_by_it():
    output = Output(command="mta-packages", exit_code=127)
    with pytest.raises(CannotLook):
        mta_package(output, RUNNING, ProcessTable())


@pytest.mark.parametrize("version", ["", "garbage", "1:", "a:b-c", "9" * 300])
def test_a_hostile_version_is_compared_and_does_not_crash(version):
    assert judge(package(version=version), TRIXIE, TODAY) is not None
