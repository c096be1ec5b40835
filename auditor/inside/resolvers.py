"""Name servers that the host asks, and the copy that a chrooted Postfix asks."""

from auditor.evidence.resolvers import ResolverSettings, parse_nameservers
from auditor.inside.command import Command, Output, reads

RESOLV_CONF = Command(id="resolv-conf", argv=("cat", "/etc/resolv.conf"), limit=16384)
CHROOT_COPY = Command(
    id="resolv-conf-chroot",
    argv=("sh", "-c", "f=/var/spool/postfix/etc/resolv.conf; [ -e $f ] || exit 127; exec cat $f"),
    root=True,
    limit=16384,
)


@reads(RESOLV_CONF, CHROOT_COPY)
def resolver_settings(own: Output, chroot: Output) -> ResolverSettings:
    """Both files; the second is None where there is no chroot."""
    return ResolverSettings(
        nameservers=parse_nameservers(own.text()),
        chroot_nameservers=None if chroot.missing else parse_nameservers(chroot.text()),
    )
