"""Root file systems of Debian hosts, built once and kept as overlay layers.

A host's image is a stack: a base (mmdebstrap), what every mail host has, and one mail program. A layer is named by a
hash of all that went into it, so a changed recipe is a new layer and an old one can still be in use.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.lab import sources

RELEASES: Final = ("bookworm", "trixie")
MTAS: Final = ("postfix", "exim4", "opensmtpd", "sendmail")

_BASE = (
    "systemd-sysv dbus libpam-systemd systemd-timesyncd init-system-helpers iproute2 iputils-ping netbase procps kmod "
    "openssh-server sudo python3 python3-apt ca-certificates ssl-cert openssl acl tzdata less cron logrotate nftables"
)
_MAIL = "rsyslog dovecot-core dovecot-imapd dovecot-pop3d dovecot-lmtpd mailcap m4 make"
_MTA = {
    "postfix": "postfix libsasl2-modules",
    "exim4": "exim4-daemon-heavy",
    "opensmtpd": "opensmtpd opensmtpd-extras",
    "sendmail": "sendmail sendmail-bin libsasl2-modules sasl2-bin",
}
# Hosts have no way out, so what a playbook may want to install lies in apt's cache already.
_LATER = (
    "opendkim opendkim-tools unbound dns-root-data fail2ban chrony rsyslog-gnutls unattended-upgrades needrestart "
    "bind9-dnsutils postfwd policyd-rate-limit postfix-policyd-spf-python postfix-pcre rspamd redis-server monit swaks "
    "apt-listchanges dovecot-sieve dovecot-managesieved opensmtpd-filter-dkimsign opensmtpd-filter-rspamd sasl2-bin "
    "libsasl2-modules systemd-journal-remote rsyslog-relp debsums curl rsync git"
)
_PRESEED = {
    "postfix": (
        "postfix postfix/main_mailer_type select Internet Site",
        "postfix postfix/mailname string example.org",
    ),
    "exim4": (
        "exim4-config exim4/dc_eximconfig_configtype select internet site; mail is sent and received directly using SMTP",
        "exim4-config exim4/mailname string example.org",
        "exim4-config exim4/dc_other_hostnames string example.org",
        "exim4-config exim4/dc_local_interfaces string ",
    ),
    "opensmtpd": (
        "opensmtpd opensmtpd/mailname string example.org",
        "opensmtpd opensmtpd/root_address string ",
    ),
}
_BASE_HOOK = """
ln -sf /usr/share/zoneinfo/Etc/UTC "$1/etc/localtime"
useradd --root "$1" --create-home --shell /bin/bash --comment 'Administrator' admin
useradd --root "$1" --create-home --shell /bin/bash --comment 'May log in, may not become root' nosudo
printf 'admin ALL=(ALL:ALL) NOPASSWD: ALL\\n' > "$1/etc/sudoers.d/admin"
chmod 0440 "$1/etc/sudoers.d/admin"
rm -f "$1"/etc/ssh/ssh_host_*
systemctl --root="$1" mask console-getty.service getty@tty1.service getty.target systemd-udevd.service \\
  systemd-udev-trigger.service systemd-remount-fs.service dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount \\
  sys-kernel-tracing.mount sys-kernel-config.mount systemd-logind-varlink.socket systemd-firstboot.service \\
  systemd-boot-random-seed.service systemd-networkd-wait-online.service 2>/dev/null
"""
# In a process namespace of its own: Sendmail's postinst ends every process called "sendmail" that it can see.
_INSTALL = """
set -eu
cd "$LAYER"
mkdir -p root work mnt
mount --make-rprivate /
mount -t overlay lab -o "lowerdir=$LOWER,upperdir=$LAYER/root,workdir=$LAYER/work" mnt
mount -t proc proc mnt/proc
mount --rbind /dev mnt/dev
mount -t tmpfs tmpfs mnt/run
mount -t tmpfs tmpfs mnt/tmp
cp --remove-destination /etc/resolv.conf mnt/etc/resolv.conf
printf '#!/bin/sh\\nexit 101\\n' > mnt/usr/sbin/policy-rc.d
chmod 0755 mnt/usr/sbin/policy-rc.d
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
printf '%s\\n' "$PRESEED" | chroot mnt debconf-set-selections
[ -z "$PACKAGES" ] || chroot mnt apt-get install -qy --no-install-recommends $PACKAGES
for package in $LATER; do
  chroot mnt apt-get install -qy --no-install-recommends --download-only "$package" || echo "not in this release: $package"
done
rm mnt/usr/sbin/policy-rc.d
"""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One step of an image. `parent` is None for a base."""

    release: str
    name: str
    packages: str = ""
    later: str = ""
    preseed: tuple[str, ...] = ()
    parent: "Layer | None" = None

    @property
    def key(self) -> str:
        """A hash over everything that decides what is in this layer."""
        recipe = (self.release, self.name, self.packages, self.later, self.preseed, _BASE_HOOK, _INSTALL)
        under = self.parent.key if self.parent else ""
        return hashlib.sha256(repr((recipe, under)).encode()).hexdigest()[:12]

    @property
    def place(self) -> Path:
        """The directory of this layer in the cache, built or not."""
        return cache() / f"{self.release}-{self.name}-{self.key}"

    def roots(self) -> list[Path]:
        """Directories to stack, topmost first."""
        return [self.place / "root", *(self.parent.roots() if self.parent else [])]


def cache() -> Path:
    """Where images live: ``AUDITOR_LAB_CACHE`` or /var/cache/auditor-lab."""
    return Path(os.environ.get("AUDITOR_LAB_CACHE", "/var/cache/auditor-lab"))


def base(release: str) -> Layer:
    """Debian with systemd, sshd and what Ansible needs."""
    return Layer(release=release, name="base", packages=_BASE)


def mail(release: str, mta: str) -> Layer:
    """A mail host: base, Dovecot and rsyslog, then one mail program."""
    common = Layer(release=release, name="mail", packages=_MAIL, later=_LATER, parent=base(release))
    return Layer(release=release, name=mta, packages=_MTA[mta], preseed=_PRESEED.get(mta, ()), parent=common)


def extended(layer: Layer, packages: str) -> Layer:
    """The same with more packages on top: what few tests need is not in everybody's image."""
    return Layer(release=layer.release, name=f"{layer.name}-more", packages=packages, parent=layer)


def names() -> Layer:
    """BIND and Unbound for the laboratory's own name service."""
    return Layer(
        release="bookworm", name="dns", packages="bind9 bind9-utils unbound", parent=base("bookworm")
    )


def everything() -> list[Layer]:
    """Every image, the one for name service first."""
    return [names(), *(mail(release, mta) for release in RELEASES for mta in MTAS)]


def ensure(layer: Layer) -> list[Path]:
    """Build `layer` and what it stands on if they are not there; return the directories to stack, topmost first."""
    if layer.parent:
        ensure(layer.parent)
    with _locked(layer):
        if not layer.place.is_dir():
            _build(layer)
    return layer.roots()


@contextmanager
def _locked(layer: Layer) -> Iterator[None]:
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / f".{layer.place.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(layer: Layer) -> None:
    print(f"lab: building {layer.place.name}", file=sys.stderr, flush=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{layer.place.name}.", dir=cache()))
    draft.chmod(0o755)
    log = cache() / f"{layer.place.name}.log"
    try:
        with log.open("wb") as out:
            command, env = _bootstrap(layer, draft) if layer.parent is None else _install(layer, draft)
            done = subprocess.run(
                command, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False
            )
        if done.returncode:
            tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise RuntimeError(f"image {layer.place.name} could not be built, see {log}:\n{tail}")
        shutil.rmtree(draft / "work", ignore_errors=True)
        draft.rename(layer.place)
    finally:
        if draft.exists():
            shutil.rmtree(draft)


def _bootstrap(layer: Layer, draft: Path) -> tuple[list[str], dict[str, str]]:
    hook = draft / "hook.sh"
    hook.write_text(f"#!/bin/sh\nset -eu\n{_BASE_HOOK}", encoding="utf-8")
    hook.chmod(0o755)
    return [
        "mmdebstrap",
        "--variant=minbase",
        "--mode=root",
        "--skip=cleanup/apt/lists",
        f"--include={','.join(layer.packages.split())}",
        "--dpkgopt=force-unsafe-io",
        f"--customize-hook={hook}",
        layer.release,
        str(draft / "root"),
        *sources.apt_lines(layer.release),
    ], dict(os.environ)


def _install(layer: Layer, draft: Path) -> tuple[list[str], dict[str, str]]:
    assert layer.parent is not None
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _INSTALL], {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LAYER": str(draft),
        "LOWER": ":".join(str(root) for root in layer.parent.roots()),
        "PACKAGES": layer.packages,
        "LATER": layer.later,
        "PRESEED": "\n".join(layer.preseed),
    }
