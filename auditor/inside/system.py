"""Release, updates, firewall, SSH, guessing guard, files and aliases of the host."""

import re

from auditor.evidence.debian import left_behind, parse_archive, parse_installed
from auditor.evidence.processes import ProcessTable
from auditor.evidence.system import (
    Aliases,
    Firewall,
    GuessingGuard,
    Release,
    SensitiveFile,
    SensitiveFiles,
    SshDaemon,
    Updates,
    parse_aliases,
    parse_iptables,
    parse_nft,
    parse_os_release,
)
from auditor.inside.command import Command, Output, reads
from auditor.model import Reason
from auditor.net import CannotLook

OS_RELEASE = Command(id="os-release", argv=("cat", "/etc/os-release"), limit=16384)
INSTALLED = Command(
    id="dpkg-installed",
    argv=("dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Version}\\n"),
    beside=True,
)
SECURITY_ARCHIVE = Command(
    id="security-archive",
    # apt itself takes a second of processor time for the same answer, and as root it would write its caches.
    argv=(
        "sh",
        "-c",
        """h=/usr/lib/apt/apt-helper; [ -x $h ] || exit 127
for f in /var/lib/apt/lists/*security*_Packages*; do
  [ -e "$f" ] && echo archive && $h cat-file "$f" | grep -E '^(Package|Version): '
done; true""",
    ),
    timeout=20,
    limit=8 << 20,
    beside=True,
)
APT_LISTS = Command(
    id="apt-lists",
    argv=(
        "sh",
        "-c",
        """command -v apt-get >/dev/null || exit 127
for f in /var/lib/apt/periodic/update-success-stamp /var/lib/apt/lists/*Release; do [ -e "$f" ] && set -- "$@" "$f"; done
[ $# = 0 ] || stat -c 'list %Y' "$@"
echo now $(date +%s)
[ -e /run/reboot-required ] && echo reboot; true""",
    ),
    beside=True,
)
NFT = Command(id="nft", argv=("nft", "-j", "list", "ruleset"), root=True)
IPTABLES = Command(id="iptables", argv=("iptables-save", "-t", "filter"), root=True)
IP6TABLES = Command(id="ip6tables", argv=("ip6tables-save", "-t", "filter"), root=True)
SSHD = Command(id="sshd", argv=("sshd", "-T"), root=True)
FAIL2BAN = Command(id="fail2ban", argv=("fail2ban-client", "status"), root=True)
SENSITIVE = Command(
    id="sensitive-files",
    argv=(
        "sh",
        "-c",
        """for f in /etc/postfix/sasl_passwd* /etc/postfix/*.key /etc/exim4/passwd* /etc/exim4/*.key /etc/ssl/private/* \\
  /etc/mail/creds* /etc/mail/secrets* /etc/mail/tls/*.key /etc/mail/authinfo* /etc/dovecot/private/* /etc/dovecot/users \\
  /etc/opendkim/keys/*/*.private /etc/dkimkeys/*.private /var/lib/rspamd/dkim/*.key /etc/letsencrypt/live/*/privkey.pem
do [ -f "$f" ] && set -- "$@" "$f"; done
[ $# = 0 ] || stat -L -c '%a|%U|%n' "$@"; true""",
    ),
    root=True,
)
ALIASES = Command(
    id="aliases", argv=("sh", "-c", "cat /etc/aliases 2>/dev/null || cat /etc/mail/aliases"), limit=262144
)
KEPT_SSH = {
    "permitrootlogin",
    "passwordauthentication",
    "kbdinteractiveauthentication",
    "permitemptypasswords",
    "maxauthtries",
    "x11forwarding",
}
GUARDS = {"crowdsec", "sshguard"}


@reads(OS_RELEASE)
def release(output: Output) -> Release:
    """Raises CannotLook where the file names no system."""
    found = parse_os_release(output.text())
    if not found.id:
        raise CannotLook(Reason.MALFORMED, "/etc/os-release names no system")
    return found


@reads(INSTALLED, SECURITY_ARCHIVE, APT_LISTS)
def updates(installed: Output, archive: Output, lists: Output) -> Updates:
    """Installed packages that are newer in the security archive, by the lists that the host fetched last."""
    text = lists.text()
    stamps = [int(stamp) for stamp in re.findall(r"^list (\d{1,12})$", text, re.MULTILINE)]
    now = re.search(r"^now (\d{1,12})$", text, re.MULTILINE)
    packages = archive.text()
    present = parse_installed(installed.text())
    if not present:
        raise CannotLook(Reason.MALFORMED, "dpkg named no installed package")
    return Updates(
        waiting=left_behind(present, parse_archive(packages)),
        archive_known="archive" in packages.split("\n", 1)[0],
        lists_age=float(int(now[1]) - max(stamps)) if now and stamps else None,
        reboot_required="reboot" in text.split(),
    )


@reads(NFT, IPTABLES, IP6TABLES)
def firewall(nft: Output, four: Output, six: Output) -> Firewall:
    """Nftables sees the rules of iptables-nft as well; iptables alone is asked where there is no nft."""
    if not nft.missing:
        try:
            return Firewall(tool="nftables", input_policies=tuple(parse_nft(nft.text())))
        except ValueError as error:
            raise CannotLook(Reason.MALFORMED, str(error)) from error
    if four.missing:
        return Firewall(tool="")
    policies = (*parse_iptables(four.text(), "ip"), *parse_iptables("" if six.missing else six.text(), "ip6"))
    return Firewall(tool="iptables", input_policies=policies)


@reads(SSHD)
def ssh_daemon(output: Output) -> SshDaemon:
    """What sshd would do with a connection that no Match block is for."""
    lines = (line.partition(" ") for line in output.text().splitlines())
    return SshDaemon(settings=tuple((name, value) for name, _, value in lines if name in KEPT_SSH))


@reads(FAIL2BAN)
def guessing_guard(output: Output, table: ProcessTable) -> GuessingGuard:
    """fail2ban by its own word, others by their running process."""
    names = {process.executable.rpartition("/")[2] for process in table.processes}
    if output.exit_code == 0 and output.problem is None:
        jails = re.search(r"Jail list:\s*(.*)", output.text())
        words = (jail.strip() for jail in jails[1].split(",")) if jails else ()
        return GuessingGuard(program="fail2ban", jails=tuple(jail for jail in words if jail))
    if output.problem is not None:
        raise CannotLook(output.problem, "fail2ban-client did not answer")
    return GuessingGuard(program=next(iter(sorted(names & GUARDS)), ""))


@reads(SENSITIVE)
def sensitive_files(output: Output) -> SensitiveFiles:
    """Owner and mode alone."""
    found = re.findall(r"^([0-7]{3,4})\|([^|]*)\|(/.*)$", output.text(), re.MULTILINE)
    return SensitiveFiles(
        files=tuple(SensitiveFile(path=path, mode=int(mode, 8), owner=owner) for mode, owner, path in found)
    )


@reads(ALIASES)
def aliases(output: Output) -> Aliases:
    """Raises CannotLook where there is no alias file."""
    return Aliases(entries=parse_aliases(output.text()))
