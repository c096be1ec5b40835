"""Which package the running mail program belongs to."""

from auditor.evidence.mta import MtaRunning
from auditor.evidence.mta_package import MtaPackage, parse_packages
from auditor.evidence.processes import ProcessTable
from auditor.inside.command import Command, Output, reads
from auditor.inside.mta import the_one
from auditor.model import Reason
from auditor.net import CannotLook

PACKAGES = Command(
    id="mta-packages",
    argv=(
        "sh",
        "-c",
        r"""command -v dpkg-query >/dev/null || exit 127
for p in /usr/lib/postfix/sbin/master /usr/sbin/exim4 /usr/sbin/smtpd /usr/libexec/sendmail/sendmail /usr/lib/sm.bin/sendmail; do
  [ -e $p ] || continue
  o=$(dpkg-query -S $p 2>/dev/null | grep -v ^diversion | head -n 1); o=${o%%:*}
  [ -n "$o" ] && dpkg-query -W -f "$p|\${Package}|\${Version}|\${Maintainer}\n" "$o"
done; true""",
    ),
    beside=True,
)


@reads(PACKAGES)
def mta_package(packages: Output, running: MtaRunning, table: ProcessTable) -> MtaPackage:
    """By the file that the topmost process runs. Raises CannotLook where that file is not known."""
    mta = the_one(running)
    owners = parse_packages(packages.text())
    daemon = next(d for d in sorted(running.daemons, key=lambda d: 25 not in d.ports) if d.mta is mta)
    process = table.process(daemon.pid)
    if process is None or not process.executable:
        raise CannotLook(Reason.MALFORMED, f"which file {mta.value} runs from was not told")
    package, version, maintainer = owners.get(process.executable, ("", "", ""))
    return MtaPackage(
        mta=mta, program=process.executable, package=package, version=version, maintainer=maintainer
    )
