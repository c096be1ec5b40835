"""The items of every evidence set: what to run on the host, in order of volatility, and how the file is called."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

PROLOGUE: Final = """set +e
LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HISTFILE=/dev/null
export LC_ALL PATH HISTFILE
"""

_TAR: Final = "tar --numeric-owner --atime-preserve=system"
"""When a file was last read is evidence as well, so reading it here must not change that."""


class Item(Struct, frozen=True, kw_only=True):
    """One command whose output is evidence. Only reads; writes nothing but its output."""

    name: str
    text: str
    ending: str = ".txt"
    mtas: tuple[str, ...] = ()
    essential: bool = False
    """Without it the step has failed; the others may complain (a tool that is not installed)."""
    needs_account: bool = False


_VOLATILE: Final = (
    Item(
        name="clock",
        text="date -u +%FT%T.%NZ; cat /proc/uptime /proc/sys/kernel/random/boot_id",
        essential=True,
    ),
    Item(
        name="network",
        text="ss -tunape; ip -s addr; ip route; ip -6 route; ip neigh; nft list ruleset 2>&1; "
        "if command -v conntrack >/dev/null; then conntrack -L 2>&1 | head -n 100000; fi; exit 0",
    ),
    Item(
        name="processes",
        text="ps auxwwf; ls -l /proc/[0-9]*/exe /proc/[0-9]*/cwd 2>/dev/null; echo '--- deleted but running'; "
        "ls -l /proc/[0-9]*/exe 2>/dev/null | grep deleted; exit 0",
    ),
    Item(
        name="deleted-binaries",
        ending=".tar",
        text='cd /proc || exit 2\nset --\nfor exe in [0-9]*/exe; do case $(readlink "$exe" 2>/dev/null) in '
        '*\'(deleted)\') set -- "$@" "$exe";; esac; done\n'
        'if [ $# -gt 0 ]; then tar --dereference -cf - "$@"; fi',
    ),
    Item(
        name="sessions",
        text="w; last -Faiw 2>/dev/null | head -n 2000; loginctl 2>/dev/null; "
        "if command -v doveadm >/dev/null; then doveadm who -1 2>&1; doveadm penalty 2>&1; fi; exit 0",
    ),
    Item(
        name="kernel",
        text="lsmod; cat /proc/modules; dmesg 2>&1 | tail -n 20000; sysctl -a 2>/dev/null; exit 0",
    ),
    Item(
        name="mail-live-postfix",
        mtas=("postfix",),
        text="postqueue -j; qshape deferred 2>/dev/null; qshape -s hold 2>/dev/null; postconf -n; postconf -M; exit 0",
    ),
    # No exiwhat: it has every Exim process write into the spool. `ps` shows what each is about.
    Item(name="mail-live-exim4", mtas=("exim4",), text="exim4 -bp; exim4 -bP; exit 0"),
    Item(
        name="mail-live-opensmtpd",
        mtas=("opensmtpd",),
        text='for what in queue status stats hosts; do echo "--- $what"; smtpctl show "$what" 2>&1; done; exit 0',
    ),
    Item(
        name="mail-live-sendmail",
        mtas=("sendmail",),
        text="sendmail-mta -bp; sendmail-mta -bp -qQ; sendmail-mta -bp -Ac; sendmail-mta -bt -d0.1 </dev/null; exit 0",
    ),
    Item(
        name="runtime-files",
        text="find /tmp /var/tmp /dev/shm /run -xdev -type f -size -50M -exec sha256sum -- {} + 2>/dev/null; "
        "ls -laR /tmp /var/tmp /dev/shm 2>/dev/null; exit 0",
    ),
)
_LOGS: Final = (
    Item(
        name="journal",
        ending=".export",
        text="if command -v journalctl >/dev/null; then journalctl -q --no-pager -o export --since '-31 days'; fi; exit 0",
    ),
    Item(
        name="journal-verify",
        text="if command -v journalctl >/dev/null; then journalctl --verify 2>&1; fi; exit 0",
    ),
    Item(
        name="var-log",
        ending=".tar",
        text=f"{_TAR} --acls --xattrs -C / -cpf - var/log",
        essential=True,
    ),
)
_CONFIGURATION: Final = (
    Item(
        name="mail-configuration",
        ending=".tar",
        essential=True,
        text="cd / || exit 2\nset --\nfor path in etc/postfix etc/exim4 etc/smtpd.conf etc/mail etc/dovecot etc/aliases etc/opendkim "
        "etc/opendkim.conf etc/rspamd etc/mailname etc/default etc/systemd/system etc/resolv.conf etc/hosts; do\n"
        '  if [ -e "$path" ]; then set -- "$@" "$path"; fi\ndone\n'
        # Private keys stay where they are: whoever reads the evidence later must not be able to sign as the host.
        f"{_TAR} --acls --xattrs --exclude='*.key' --exclude='*.private' --exclude='*private*' -cpf - \"$@\"",
    ),
)
_QUEUE: Final = (
    Item(
        name="queue",
        ending=".tar",
        essential=True,
        text="cd / || exit 2\nset --\nfor path in var/spool/postfix/maildrop var/spool/postfix/incoming var/spool/postfix/active "
        "var/spool/postfix/deferred var/spool/postfix/hold var/spool/postfix/corrupt var/spool/postfix/bounce "
        "var/spool/postfix/defer var/spool/exim4 var/spool/smtpd var/spool/mqueue var/spool/mqueue-client; do\n"
        '  if [ -d "$path" ]; then set -- "$@" "$path"; fi\ndone\n'
        'if [ $# -eq 0 ]; then echo "no queue found" >&2; exit 2; fi\n'
        f'{_TAR} --acls --xattrs -cpf - "$@"',
    ),
)
_PERSISTENCE: Final = (
    Item(
        name="persistence",
        ending=".tar",
        text="cd / || exit 2\nset --\nfor path in etc/cron* etc/systemd etc/init.d etc/rc.local etc/pam.d etc/ld.so.preload etc/ld.so.conf.d "
        "etc/passwd etc/group etc/sudoers etc/sudoers.d etc/ssh/sshd_config etc/ssh/sshd_config.d etc/profile etc/profile.d "
        "var/spool/cron root/.ssh/authorized_keys root/.bashrc root/.profile home/*/.ssh/authorized_keys home/*/.bashrc "
        'home/*/.forward; do\n  if [ -e "$path" ]; then set -- "$@" "$path"; fi\ndone\n'
        f'{_TAR} -cpf - "$@"',
    ),
    Item(
        name="timers",
        text="systemctl list-timers --all --no-pager; systemctl list-units --all --no-pager; exit 0",
    ),
)
_ACCOUNT: Final = (
    Item(
        name="account-log",
        needs_account=True,
        text='cat /var/log/mail.log /var/log/mail.log.1 /var/log/exim4/mainlog /var/log/exim4/mainlog.1 2>/dev/null | grep -F -e "$1"\n'
        'if command -v journalctl >/dev/null; then journalctl -q --no-pager -o short-iso --since "-90 days" SYSLOG_FACILITY=2 | grep -F -e "$1"; fi\n'
        "exit 0",
    ),
    Item(
        name="account-filters",
        needs_account=True,
        text='if command -v doveadm >/dev/null; then doveadm sieve list -u "$1" 2>&1; '
        'doveadm sieve list -u "$1" 2>/dev/null | while read -r name rest; do echo "--- $name $rest"; doveadm sieve get -u "$1" "$name"; done; fi\n'
        'home=$(getent passwd -- "${1%%@*}" | cut -d: -f6)\n'
        'if [ -n "$home" ]; then ls -la "$home"; cat "$home/.forward" 2>/dev/null; fi\ngrep -n -F -e "${1%%@*}" /etc/aliases\nexit 0',
    ),
)
_LAST: Final = (
    Item(
        name="bodyfile",
        text="find / -xdev -printf '0|%p|%i|%M|%U|%G|%s|%A@|%T@|%C@|0\\n' 2>/dev/null; exit 0",
    ),
    Item(
        name="packages",
        text="dpkg -V 2>&1; if command -v debsums >/dev/null; then debsums -ac 2>&1; fi; exit 0",
    ),
)

SETS: Final[Mapping[str, tuple[Item, ...]]] = MappingProxyType(
    {
        "volatile": _VOLATILE,
        "logs": _LOGS,
        "configuration": _CONFIGURATION,
        "queue": _QUEUE,
        "persistence": _PERSISTENCE,
        "account": _ACCOUNT,
        "mail-standard": (*_VOLATILE, *_LOGS, *_QUEUE, *_CONFIGURATION),
        "host-full": (*_VOLATILE, *_LOGS, *_QUEUE, *_CONFIGURATION, *_PERSISTENCE, *_LAST),
    }
)


def of_set(name: str, mta: str | None) -> tuple[Item, ...]:
    """The items of a set for this mail program; without one, those of every mail program (they may complain)."""
    return tuple(item for item in SETS[name] if mta is None or not item.mtas or mta in item.mtas)
