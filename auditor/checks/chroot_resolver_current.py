"""Postfix's chroot asks the same name servers as the host.

After a change of resolvers the shell resolves, Postfix does not, and mail piles up with "Host not found": Debian copies
resolv.conf into the chroot when Postfix starts, and then the copy is stale.
"""

from auditor.evidence.mta import Mta, MtaRunning
from auditor.evidence.mta_settings import MtaSettings
from auditor.evidence.resolvers import ResolverSettings
from auditor.model import (
    Check,
    Failed,
    Family,
    NotApplicable,
    Passed,
    Playbook,
    Severity,
    Unavailable,
    Verdict,
)


def judge(running: MtaRunning, resolvers: ResolverSettings, settings: MtaSettings | Unavailable) -> Verdict:
    """Only where Postfix runs services in a chroot."""
    postfix = None if isinstance(settings, Unavailable) else settings.postfix
    chrooted = postfix is None or any(service.chroot == "y" for service in postfix.services)
    if running.only is not Mta.POSTFIX or resolvers.chroot_nameservers is None or not chrooted:
        return NotApplicable("no mail program in a chroot with its own resolv.conf")
    row = ({"host": " ".join(resolvers.nameservers), "chroot": " ".join(resolvers.chroot_nameservers)},)
    if resolvers.nameservers == resolvers.chroot_nameservers:
        return Passed("the chroot's resolv.conf is current", row)
    return Failed("the chroot asks other name servers than the host", row)


CHECK = Check.of(
    judge,
    family=Family.MTA,
    severity=Severity.MEDIUM,
    remedy=Playbook("resolver"),
    runbook="name-resolution",
    references=("Debian bug 560682",),
)
