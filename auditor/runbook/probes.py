"""The probes a runbook may verify by: each looks once and says ok, failed or unknown, and why in one line.

Looks from outside go from here to the host; looks at the host go through its shell and only read, except mail.flows,
which hands one local message to the host's own mail program.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from auditor.runbook import proof, reckoning
from auditor.runbook.display import shown
from auditor.runbook.journal import NAME, read
from auditor.runbook.state import State
from auditor.runbook.values import NotThatType, check
from auditor.runbook.world import Measured, Outcome
from auditor.transport.dial import NoDialogue, Reach, may_send, reach
from auditor.transport.remote import Program, Ran, Remote

_PATH: Final = (
    "LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export LC_ALL PATH\n"
)
_FOREIGN_SENDER: Final = "probe@sender.invalid"
_FOREIGN_RECIPIENT: Final = "probe@recipient.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a probe has: its arguments, the host from outside and inside, the incident."""

    args: Mapping[str, str]
    address: str
    remote: Remote
    fresh: Callable[[], Remote]
    """A connection of its own, for probes that ask whether a new login works."""
    state: State
    folder: Path
    before: Measured | None
    now: Measured | None

    def arg(self, name: str, type_name: str, default: str | None = None) -> str:
        """A typed argument; raises NotThatType."""
        given = self.args.get(name, default)
        if given is None:
            raise NotThatType(f"the probe needs {name}")
        return check(type_name, given)

    def sh(self, text: str, *args: str, timeout: float = 30.0) -> Ran:
        """Run a small program on the host."""
        return self.remote.run(Program(text=_PATH + text, args=args, timeout=timeout), limit=200_000)


Probe = Callable[[Scene], Outcome]


def _said(ran: Ran) -> str:
    return shown((ran.stdout + b" " + ran.stderr).decode("utf-8", "backslashreplace").strip(), 160)


def _three_ways(ran: Ran, good: str) -> Outcome:
    """Exit 0 ok, 1 failed, anything else unknown."""
    match ran.exit:
        case 0:
            return Outcome.ok(good)
        case 1:
            return Outcome.failed(_said(ran))
        case code:
            return Outcome.unknown(f"exit {code}: {_said(ran)}")


def _ssh_alive(scene: Scene) -> Outcome:
    fresh = scene.fresh()
    try:
        ran = fresh.run(Program(text="echo alive", timeout=15), limit=100)
    finally:
        fresh.close()
    return Outcome.ok("a new login works") if ran.stdout.strip() == b"alive" else Outcome.failed(_said(ran))


def _unreachable(scene: Scene) -> Outcome:
    port = int(scene.arg("port", "port", "22"))
    seen = reach(scene.address, port)
    if seen is Reach.OPEN:
        return Outcome.failed(f"port {port} still answers")
    return (
        Outcome.unknown(f"port {port}: {seen}")
        if seen is Reach.UNKNOWN
        else Outcome.ok(f"port {port} {seen}")
    )


def _port_open(scene: Scene) -> Outcome:
    port = int(scene.arg("port", "port"))
    seen = reach(scene.address, port)
    if seen is Reach.UNKNOWN:
        return Outcome.unknown(f"port {port}: the attempt could not be made")
    return (
        Outcome.ok(f"port {port} answers") if seen is Reach.OPEN else Outcome.failed(f"port {port}: {seen}")
    )


def _port_closed(scene: Scene) -> Outcome:
    port = int(scene.arg("port", "port"))
    seen = reach(scene.address, port)
    if seen is Reach.UNKNOWN:
        return Outcome.unknown(f"port {port}: the attempt could not be made")
    return Outcome.failed(f"port {port} answers") if seen is Reach.OPEN else Outcome.ok(f"port {port} {seen}")


def _egress_refused(scene: Scene) -> Outcome:
    # bash: dash has no /dev/tcp. "No route to host" at once is the answer of our own reject; a refusal would come
    # from the far side, so the packet had left; silence tells nothing.
    ran = scene.sh(
        'timeout 6 bash -c \'exec 3<>"/dev/tcp/$0/$1"\' "$1" "$2" 2>&1 && echo connected; echo "seconds=$SECONDS"',
        scene.arg("address", "ip"),
        scene.arg("port", "port", "25"),
    )
    text = ran.stdout.decode("utf-8", "backslashreplace")
    if "connected" in text or "Connection refused" in text:
        return Outcome.failed(f"packets leave the host: {shown(text.strip(), 100)}")
    if "No route to host" in text or "Permission denied" in text or "Operation not permitted" in text:
        return Outcome.ok("refused by the host itself")
    return Outcome.unknown(shown(text.strip() or "no answer", 100))


def _refuses_relay(scene: Scene) -> Outcome:
    try:
        mail, rcpt = may_send(scene.address, _FOREIGN_SENDER, _FOREIGN_RECIPIENT)
    except NoDialogue as error:
        return Outcome.unknown(shown(str(error)))
    if mail.code == 250 and rcpt.code // 100 == 2:
        return Outcome.failed(f"RCPT for a stranger: {rcpt.code} {shown(rcpt.text)}")
    answer = rcpt if mail.code == 250 else mail
    if answer.code // 100 == 5:
        return Outcome.ok(f"{answer.code} {shown(answer.text)}")
    return Outcome.unknown(f"{answer.code} {shown(answer.text)}: refused for now, which proves nothing")


def _accepts_recipient(scene: Scene) -> Outcome:
    try:
        mail, rcpt = may_send(scene.address, "", scene.arg("recipient", "address"))
    except NoDialogue as error:
        return Outcome.unknown(shown(str(error)))
    answer = rcpt if mail.code == 250 else mail
    if answer.code // 100 == 4:
        return Outcome.unknown(f"{answer.code} {shown(answer.text)}: not now")
    return (
        Outcome.ok(str(answer.code))
        if answer.code // 100 == 2
        else Outcome.failed(f"{answer.code} {shown(answer.text)}")
    )


def _login_refused(scene: Scene) -> Outcome:
    # Dovecot is asked with a password that nobody has: a denied login is told apart from a wrong password by its code.
    ran = scene.sh(
        """user=$1 local=${1%%@*} open= shut=
if getent passwd -- "$local" >/dev/null; then
  expires=$(getent shadow -- "$local" | cut -d: -f8)
  if [ -n "$expires" ] && [ "$expires" -le $(( $(date +%s) / 86400 )) ]; then shut=yes; else
    case $(passwd -S -- "$local" | cut -d' ' -f2) in
      L*) open="$open system-account-keys";;
      *) open="$open system-account";;
    esac
  fi
fi
if command -v doveadm >/dev/null && [ -z "$shut" ]; then
  said=$(doveadm auth test "$user" "nobody-has-$2" 2>&1) || true
  case $said in
    *user_disabled*) ;;
    *'auth failed'*) open="$open dovecot";;
    *) echo "Dovecot does not say: $said"; exit 2;;
  esac
fi
if [ -n "$open" ]; then echo "still open:$open"; exit 1; fi""",
        scene.arg("user", "user"),
        secrets.token_hex(8),
    )
    return _three_ways(ran, "no way in was found on any layer")


def _mail_flows(scene: Scene) -> Outcome:
    token = secrets.token_hex(8)
    recipient = scene.arg("recipient", "user", "root")
    ran = scene.sh(
        """recipient=$1 token=$2
log() { cat /var/log/mail.log /var/log/exim4/mainlog 2>/dev/null || true
  if command -v journalctl >/dev/null; then journalctl -q --no-pager --since '-5 minutes' SYSLOG_FACILITY=2 || true; fi; }
printf 'From: root\\nTo: %s\\nSubject: auditor %s\\nMessage-ID: <auditor-%s@localhost.localdomain>\\n\\nA test of the way of mail.\\n' \
  "$recipient" "$token" "$token" | /usr/sbin/sendmail -i -- "$recipient" || exit 1
n=0
while [ $n -lt 25 ]; do
  n=$((n + 1)); sleep 1
  id=$(log | sed -n "s/.*[ :]\\([0-9A-Za-z-]\\{6,\\}\\)[: ].*auditor-$token@.*/\\1/p" | tail -n 1)
  if [ -n "$id" ] && log | grep -F -e "$id" | grep -Eq 'status=sent|[ =]>[ /]|=> |stat=Sent'; then exit 0; fi
  if log | grep -Eq "(mda|mta) delivery .*result=\\"?Ok"; then exit 0; fi
done
echo "handed over, but no delivery was logged within 25 s"
exit 1""",
        recipient,
        token,
        timeout=60,
    )
    return _three_ways(ran, "a local message was delivered")


def _queue_held(scene: Scene) -> Outcome:
    if scene.now is None:
        return Outcome.unknown("the queue cannot be counted")
    if scene.now.held < scene.now.total:
        return Outcome.failed(
            f"{scene.now.total - scene.now.held} of {scene.now.total} messages are not held"
        )
    return Outcome.ok(f"{scene.now.held} held")


def _queue_empty(scene: Scene) -> Outcome:
    if scene.now is None:
        return Outcome.unknown("the queue cannot be counted")
    return Outcome.ok() if scene.now.total == 0 else Outcome.failed(f"{scene.now.total} messages wait")


def _not_growing(scene: Scene) -> Outcome:
    if scene.now is None or scene.before is None:
        return Outcome.unknown("the queue was not counted before and after")
    told = f"{scene.before.total} before, {scene.now.total} now"
    return Outcome.ok(told) if scene.now.total <= scene.before.total else Outcome.failed(told)


def _reduced(scene: Scene) -> Outcome:
    if scene.now is None or scene.before is None:
        return Outcome.unknown("the queue was not counted before and after")
    selected = int(scene.args.get("selected_count", "0"))
    told = f"{scene.before.total} - {selected} selected, {scene.now.total} left"
    return Outcome.ok(told) if scene.before.total - selected == scene.now.total else Outcome.failed(told)


def _unit(scene: Scene) -> str:
    return scene.arg("unit", "line", scene.state.values.get("units"))


# ControlGroup, not MainPID: a SysV script has no main process, and Debian 12's postfix.service no process at all.
_UNIT_ALIVE: Final = """systemctl is-active -q "$1"; active=$?
group=$(systemctl show -p ControlGroup --value "$1")
if [ -n "$group" ] && [ -n "$(cat /sys/fs/cgroup"$group"/cgroup.procs 2>/dev/null)" ]; then alive=0; else alive=1; fi
"""


def _unit_active(scene: Scene) -> Outcome:
    ran = scene.sh(
        "set +e\n" + _UNIT_ALIVE + 'echo "active=$active alive=$alive"; [ $active = 0 ] && [ $alive = 0 ]',
        _unit(scene),
    )
    return _three_ways(ran, _unit(scene))


def _unit_inactive(scene: Scene) -> Outcome:
    ran = scene.sh(
        "set +e\n" + _UNIT_ALIVE + 'echo "active=$active alive=$alive"; [ $active != 0 ] && [ $alive = 1 ]',
        _unit(scene),
    )
    return _three_ways(ran, _unit(scene))


def _listener_in_unit(scene: Scene) -> Outcome:
    ran = scene.sh(
        """pids=$(ss -Hltnp "sport = :$1" | grep -o 'pid=[0-9]*' | cut -d= -f2 | sort -u)
if [ -z "$pids" ]; then echo "nothing listens on port $1"; exit 1; fi
for pid in $pids; do
  unit=$(sed -n 's/^0:://p' "/proc/$pid/cgroup"); unit=${unit##*/}
  if [ "$unit" != "$2" ]; then echo "pid $pid lives in $unit, not in $2"; exit 1; fi
done""",
        scene.arg("port", "port", "25"),
        _unit(scene),
    )
    return _three_ways(ran, "owned by its unit")


def _resolver(scene: Scene) -> Outcome:
    # Without dig bash asks: a header with one question for an address; the reply's code is the low half of its fourth byte.
    ran = scene.sh(
        """ask() {
  if command -v dig >/dev/null; then
    dig +time=3 +tries=1 +noall +comments "@$1" "$2" A | grep -q 'status: NOERROR'; return
  fi
  code=$(timeout 4 bash -c 'exec 3<>"/dev/udp/$0/53"
    question="\\x12\\x34\\x01\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00"
    IFS=.
    for label in $1; do question+=$(printf "\\\\\\\\x%02x%s" "${#label}" "$label"); done
    printf "$question\\x00\\x00\\x01\\x00\\x01" >&3
    dd bs=512 count=1 <&3 2>/dev/null | od -An -tx1 -N 4' "$1" "$2" 2>/dev/null | cut -c 12)
  [ "$code" = 0 ]
}
for server in $(sed -n 's/^nameserver *//p' /etc/resolv.conf); do
  ask "$server" "$1" || { echo "$server does not answer"; exit 1; }
done""",
        scene.arg("name", "domain"),
    )
    return _three_ways(ran, "every resolver answers")


_TABLES: Final = "nft list tables 2>/dev/null | grep -Eq '^table inet auditor_(iso|egress)'"


def _isolation_active(scene: Scene) -> Outcome:
    return _three_ways(
        scene.sh(f"if {_TABLES}; then exit 0; fi; echo 'no isolation table is loaded'; exit 1"), "loaded"
    )


def _isolation_absent(scene: Scene) -> Outcome:
    text = f"command -v nft >/dev/null || exit 0\nnft list tables >/dev/null || exit 2\nif {_TABLES}; then echo loaded; exit 1; fi"
    return _three_ways(scene.sh(text), "no isolation table")


def _no_sessions(scene: Scene) -> Outcome:
    ran = scene.sh(
        "found=$(ss -Htn state established '( sport = :25 or sport = :465 or sport = :587 )' dst \"$1\") || exit 2\n"
        'if [ -n "$found" ]; then echo "$found"; exit 1; fi',
        scene.arg("address", "ip"),
    )
    return _three_ways(ran, "none")


def _rehash(scene: Scene) -> Outcome:
    bad = list(proof.file_flaws(scene.folder, read(scene.folder / NAME)))
    return Outcome.failed(bad[0].text) if bad else Outcome.ok("every file reads back as it was written")


def _balanced(scene: Scene) -> Outcome:
    return reckoning.outcome(scene.remote, scene.state, scene.folder)


PROBES: Final[Mapping[str, Probe]] = {
    "ssh.alive": _ssh_alive,
    "host.unreachable": _unreachable,
    "port.open": _port_open,
    "port.closed": _port_closed,
    "smtp.egress-refused": _egress_refused,
    "smtp.refuses-relay": _refuses_relay,
    "smtp.accepts-recipient": _accepts_recipient,
    "smtp.transaction": _accepts_recipient,
    "login.refused": _login_refused,
    "mail.flows": _mail_flows,
    "queue.held": _queue_held,
    "queue.empty": _queue_empty,
    "queue.not-growing": _not_growing,
    "queue.reduced-by-selection": _reduced,
    "unit.active": _unit_active,
    "unit.inactive": _unit_inactive,
    "listener.in-unit": _listener_in_unit,
    "resolver.answers": _resolver,
    "isolation.active": _isolation_active,
    "isolation.absent": _isolation_absent,
    "sessions.none": _no_sessions,
    "manifest.rehash": _rehash,
    "accounting.balanced": _balanced,
}
