"""The mail program gets security updates, and works with the libraries beside it.

Everybody on the internet may talk to it, and one that was built by hand, or left over by an upgrade of the system, stays as it is
on the day when its next hole is published. Judged by the package that owns the running file, not by
what else is installed. OpenSMTPD 6.8 beside OpenSSL 3 fails too: it offers STARTTLS and breaks every session.
"""

from auditor.evidence.mta_package import MENDED, OPENSSL_3, MtaPackage, left_over
from auditor.evidence.system import Release
from auditor.model import (
    ByHand,
    Check,
    Failed,
    Family,
    Inconclusive,
    Moment,
    Passed,
    Reason,
    Severity,
    Verdict,
)

UPGRADE = (
    "No setting mends it. Upgrade to Debian 13 (OpenSMTPD 7.6), or take 7.4 from bookworm-backports "
    "(`apt-get install -t bookworm-backports opensmtpd`), which its uploader mends and not the security team."
)


def judge(package: MtaPackage, release: Release, moment: Moment) -> Verdict:
    """The distribution's word for its own packages, the authors' for others."""
    name = f"{package.mta.value} {package.upstream}".strip()
    row = ({"program": package.program, "package": package.package, "version": package.version},)
    if not package.package:
        text = f"{package.program} belongs to no package: nobody but you brings its security updates"
        return Failed(text, row, severity=Severity.MEDIUM)
    if package.breaks_tls and (release.id, release.version) in OPENSSL_3:
        text = f"{name} cannot speak TLS with the OpenSSL of {release.name}"
        return Failed(text, row, severity=Severity.HIGH, by_hand=UPGRADE)
    if not package.from_distribution:
        return _by_its_authors(package, name, row[0])
    shipped = left_over(package, release)
    if shipped:
        return Failed(f"{name} was left over by an upgrade: {release.name} has {shipped}", row)
    if release.security_ends is None:
        text = f"{release.name or release.id} is not in the table of releases"
        return Inconclusive(text, Reason.UNSUPPORTED, row)
    if moment.taken_at.date() > release.security_ends:
        return Failed(
            f"{name}: {release.name} has had no security updates since {release.security_ends}", row
        )
    if package.backported:
        text = f"{name} is a backport: its uploader mends it, the security team does not"
        return Failed(text, row, severity=Severity.LOW)
    return Passed(f"{name} gets security updates with {release.name} until {release.security_ends}", row)


def _by_its_authors(package: MtaPackage, name: str, row: dict[str, str]) -> Verdict:
    who = f"{name} comes from {package.maintainer or 'nobody who is named'}"
    if package.mta not in MENDED:
        return Inconclusive(f"{who}: whether it is mended cannot be told", Reason.UNSUPPORTED, (row,))
    if package.older_than(MENDED[package.mta]):
        return Failed(f"{who}; its authors mend {MENDED[package.mta]} and later only", (row,))
    return Passed(f"{who}; its authors still mend that branch", (row,))


CHECK = Check.of(
    judge,
    family=Family.MTA,
    severity=Severity.CRITICAL,
    remedy=ByHand(
        "Install the distribution's package of a supported release and move the configuration over in a maintenance round: "
        "back up, install on a copy, send and receive a message there, then change the host. Purge what was built by hand."
    ),
    runbook="maintenance-round",
    references=(
        "https://wiki.debian.org/LTS",
        "OpenSMTPD issue 1171",
        "Debian Backports, FAQ",
    ),
)
