"""An update that waits for a host in a security archive on its own disk, since laboratories reach no mirror."""

import contextlib
import shlex
from collections.abc import Iterator
from typing import Final

from tests.lab.machine import Host

SETTINGS: Final = "/etc/lab-note.conf"
"""A configuration file of the package; its second version comes with other text."""
_OFFER: Final = """
rm -rf /root/note /root/security; mkdir -p /root/note/DEBIAN /root/note/etc /root/security; chmod 0755 /root; cd /root
build() {
    printf 'Package: lab-note\\nVersion: %s\\nArchitecture: all\\nMaintainer: lab <root@localhost>\\nDescription: note\\n' "$1" > note/DEBIAN/control
    printf '#!/bin/sh\\n%s\\n' "$2" > note/DEBIAN/postinst; chmod 0755 note/DEBIAN/postinst
    echo /etc/lab-note.conf > note/DEBIAN/conffiles; echo "version = $1" > note/etc/lab-note.conf
    dpkg-deb -b note "security/note_$1.deb" > /dev/null
    { cat note/DEBIAN/control; echo "Filename: ./note_$1.deb"; echo "Size: $(stat -c %s "security/note_$1.deb")"
      echo "SHA256: $(sha256sum "security/note_$1.deb" | cut -d ' ' -f 1)"; echo; } >> security/Packages
}
build 1 true; build 2 "$POSTINST"; dpkg -i security/note_1.deb > /dev/null
{ echo "Date: $(date -Ru)"; echo "SHA256:"; echo " $(sha256sum security/Packages | cut -d ' ' -f 1) $(stat -c %s security/Packages) Packages"; } > security/Release
[ -d /root/sources ] || { mkdir /root/sources; mv /etc/apt/sources.list /etc/apt/sources.list.d/* /root/sources/ 2>/dev/null || true; }
echo 'deb [trusted=yes] file:/root/security ./' > /etc/apt/sources.list
apt-get update -qq
"""
_WITHDRAW: Final = """
rm /etc/apt/sources.list; mv /root/sources/sources.list /etc/apt/ 2>/dev/null || true; mv /root/sources/* /etc/apt/sources.list.d/ 2>/dev/null || true
dpkg --purge lab-note > /dev/null; rm -rf /root/note /root/security /root/sources
"""


def offer_update(host: Host, postinst: str = "true") -> None:
    """lab-note 1 is installed, and the lists have 2. `postinst` is what 2 does when it is set up."""
    host.sh(f"POSTINST={shlex.quote(postinst)}\n{_OFFER}")


@contextlib.contextmanager
def update_waiting(host: Host, postinst: str = "true") -> Iterator[None]:
    """The same, and the host gets its own archives back at the end."""
    offer_update(host, postinst)
    try:
        yield
    finally:
        host.sh(_WITHDRAW)


def installed(host: Host) -> str:
    """The version of the package that the host has."""
    return host.sh("dpkg-query -W -f '${Version}' lab-note")
