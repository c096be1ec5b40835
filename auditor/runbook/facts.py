"""What the engine must know of a host before it can choose commands: its mail program, release, unit and queue."""

from collections.abc import Mapping
from typing import Final

from auditor.runbook.display import shown
from auditor.runbook.values import NotThatType, check
from auditor.runbook.vocabulary import MTAS
from auditor.transport.remote import CannotReach, Program, Remote

# The mail program is the one that runs; only where none does, the one that is installed. Two at once is no answer.
PROGRAM: Final = r"""LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
debian=$(. /etc/os-release; [ "$ID" = debian ] || exit 0; echo "${VERSION_ID:-}")
echo "debian=$debian"
runs() { for comm in /proc/[0-9]*/comm; do if [ "$(cat "$comm" 2>/dev/null)" = "$1" ]; then return 0; fi; done; return 1; }
has() { dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null | grep -q '^ii'; }
running= installed=
for pair in postfix:master:postfix exim4:exim4:exim4-base opensmtpd:smtpd:opensmtpd sendmail:sendmail-mta:sendmail-bin; do
  mta=${pair%%:*} rest=${pair#*:}
  if has "${rest#*:}"; then
    installed="$installed $mta"
    if runs "${rest%%:*}"; then running="$running $mta"; fi
  fi
done
set -- $running
if [ $# -eq 0 ]; then set -- $installed; fi
if [ $# -eq 1 ]; then echo "mta=$1"; fi
case ${1:-} in
  postfix) echo "mta_version=$(postconf -hd mail_version 2>/dev/null)"; echo "queue_dir=$(postconf -h queue_directory 2>/dev/null)"
    if [ "$debian" = 12 ]; then echo units=postfix@-.service; else echo units=postfix.service; fi;;
  exim4) echo "mta_version=$(exim4 -bV 2>/dev/null | sed -n 's/^Exim version \([0-9.]*\).*/\1/p')"; echo queue_dir=/var/spool/exim4
    echo units=exim4.service;;
  opensmtpd) echo "mta_version=$(dpkg-query -W -f '${Version}' opensmtpd)"; echo queue_dir=/var/spool/smtpd; echo units=opensmtpd.service;;
  sendmail) echo "mta_version=$(dpkg-query -W -f '${Version}' sendmail-bin)"; echo queue_dir=/var/spool/mqueue; echo units=sendmail.service;;
esac
if runs dovecot; then echo dovecot=yes; else echo dovecot=no; fi
echo have_credentials=yes
"""
_TYPES: Final[Mapping[str, str]] = {
    "debian": "int",
    "mta": "user",
    "mta_version": "line",
    "units": "line",
    "queue_dir": "path",
    "dovecot": "bool",
    "have_credentials": "bool",
}


def typed(name: str, value: str) -> str:
    """What a person says of a host (`mta@mx2`: of one of several), as blocks and conditions compare it; raises NotThatType."""
    fact = name.partition("@")[0]
    if fact == "mta" and value not in MTAS:
        raise NotThatType(f"{shown(value)} is no mail program of runbooks: {', '.join(MTAS)}")
    return check(_TYPES.get(fact, "line"), value)


def of_host(remote: Remote) -> dict[str, str]:
    """The facts that could be seen; without a login only that there is none."""
    try:
        ran = remote.run(Program(text=PROGRAM, timeout=30), limit=10_000)
    except CannotReach:
        return {"have_credentials": "no"}
    return read(ran.stdout)


def read(output: bytes) -> dict[str, str]:
    """The facts in the program's output; what has not the right type is left out, for it is not known then."""
    found: dict[str, str] = {}
    for line in output.decode("utf-8", "backslashreplace").splitlines():
        name, equals, value = line.partition("=")
        if equals and value and name in _TYPES:
            try:
                found[name] = check(_TYPES[name], value)
            except NotThatType:
                continue
    return found
