"""Where the running mail program comes from, and who mends it."""

import re
from dataclasses import dataclass

from auditor.evidence.debian import version_key
from auditor.evidence.mta import Mta
from auditor.evidence.system import Release

SHIPPED: dict[tuple[str, str], dict[Mta, str]] = {
    ("debian", "12"): {
        Mta.POSTFIX: "3.7",
        Mta.EXIM: "4.96",
        Mta.OPENSMTPD: "6.8",
        Mta.SENDMAIL: "8.17",
    },
    ("debian", "13"): {
        Mta.POSTFIX: "3.10",
        Mta.EXIM: "4.98",
        Mta.OPENSMTPD: "7.6",
        Mta.SENDMAIL: "8.18",
    },
}
"""Branch in each release, as installed from its archive on 2026-11-21. A lower one was left over by an upgrade."""

MENDED: dict[Mta, str] = {Mta.POSTFIX: "3.8", Mta.EXIM: "4.99"}
"""Oldest branch that its authors still mend: Postfix the last four (3.11 was the stable one on 2026-03-12, by its
snapshot's release notes), Exim the latest alone (its SECURITY.md; endoflife.date/exim on 2026-05-04)."""

OPENSSL_3 = {("debian", "12"), ("ubuntu", "22.04"), ("ubuntu", "24.04")}
"""Releases whose OpenSSL breaks every TLS session that OpenSMTPD below 7 accepts: OpenSMTPD issues
1171 and 1239; reproduced on Debian 12 with 6.8.0p2-4+b4 and RSA as well as ECDSA keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MtaPackage:
    """The file that runs, and the package that it belongs to."""

    mta: Mta
    program: str
    package: str = ""
    """"" where no package owns the file."""
    version: str = ""
    """Debian's version, with epoch and revision."""
    maintainer: str = ""

    @property
    def upstream(self) -> str:
        """The authors' own version: "3.7.11"."""
        plain = re.split(r"[~+-]", self.version.partition(":")[2] or self.version, maxsplit=1)[0]
        return plain if plain[:1].isdigit() else ""

    @property
    def from_distribution(self) -> bool:
        """Debian's or Ubuntu's own maintainers."""
        return re.search(r"@(?:[\w.-]+\.)?(?:debian\.org|ubuntu\.com)>?\s*$", self.maintainer) is not None

    @property
    def backported(self) -> bool:
        """From Debian's backports, which its uploader mends and not the security team."""
        return "~bpo" in self.version

    @property
    def breaks_tls(self) -> bool:
        """OpenSMTPD before it learnt OpenSSL 3; see OPENSSL_3 for the other half."""
        return self.mta is Mta.OPENSMTPD and version_key(self.upstream) < version_key("7")

    def older_than(self, branch: str | None) -> bool:
        """Below a branch such as "3.7"; False where one of the two is not known."""
        return bool(branch and self.upstream) and version_key(self.upstream) < version_key(branch or "")


def left_over(package: MtaPackage, release: Release) -> str | None:
    """The branch that the release ships, where the installed one is older."""
    branch = SHIPPED.get((release.id, release.version), {}).get(package.mta)
    return branch if package.older_than(branch) else None


def parse_packages(text: str) -> dict[str, tuple[str, str, str]]:
    """Lines "PATH|PACKAGE|VERSION|MAINTAINER" -> what owns each path."""
    rows = (line.split("|", 3) for line in text.splitlines())
    return {row[0]: (row[1], row[2][:80], row[3][:120]) for row in rows if len(row) == 4}
