"""Probes that look through the shell of the host, and only read, except mail_flows.

That one hands one local message to the host's own mail program.
"""

import secrets
from typing import Final

from auditor.evidence.senders import LOG_SEEN, parse_counts
from auditor.inside.senders import COUNT_SENT
from auditor.runbook.display import escaped, shown
from auditor.runbook.scene import Scene, said, three_ways
from auditor.runbook.world import Outcome


def egress_refused(scene: Scene) -> Outcome:
    """The host's own kernel refuses; no answer from far away counts."""
    # bash: dash has no /dev/tcp. "No route to host" at once is the answer of our own reject, after three seconds that of a
    # gateway that is dead; a refusal would come from the far side, so the packet had left; silence tells nothing.
    ran = scene.sh(
        """begun=$(date +%s)
timeout 6 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" 2>&1 && echo connected
[ $(($(date +%s) - begun)) -lt 3 ] || echo 'not at once'""",
        scene.arg("address", "ip"),
        scene.arg("port", "port", "25"),
    )
    text = ran.stdout.decode("utf-8", "backslashreplace")
    if "connected" in text or "Connection refused" in text:
        return Outcome.failed(f"packets leave the host: {shown(text.strip(), 100)}")
    if "not at once" in text:
        return Outcome.unknown(shown(text.strip(), 100))
    if "No route to host" in text or "Permission denied" in text or "Operation not permitted" in text:
        return Outcome.ok("refused by the host itself")
    return Outcome.unknown(shown(text.strip() or "no answer", 100))


def login_refused(scene: Scene) -> Outcome:
    """No layer lets the account in. Dovecot, the account of the system and its SSH keys are asked."""
    # Dovecot is asked with a password that nobody has: a denied login is told apart from a wrong password by its code.
    ran = scene.sh(
        """user=$1 local=${1%%@*} open= shut= asked=
if getent passwd -- "$local" >/dev/null; then
  asked=yes
  expires=$(getent shadow -- "$local" | cut -d: -f8)
  if [ -n "$expires" ] && [ "$expires" -le $(( $(date +%s) / 86400 )) ]; then shut=yes; else
    case $(passwd -S -- "$local" | cut -d' ' -f2) in
      L*) open="$open system-account-keys";;
      *) open="$open system-account";;
    esac
  fi
fi
if command -v doveadm >/dev/null && [ -z "$shut" ]; then
  asked=yes
  said=$(doveadm auth test "$user" "nobody-has-$2" 2>&1) || true
  case $said in
    *user_disabled*) ;;
    *'auth failed'*) open="$open dovecot";;
    *) echo "Dovecot does not say: $said"; exit 2;;
  esac
fi
if [ -n "$open" ]; then echo "still open:$open"; exit 1; fi
if [ -z "$asked" ]; then echo "no account of the system, and no Dovecot: who knows $user is not known here"; exit 2; fi""",
        scene.arg("user", "user"),
        secrets.token_hex(8),
    )
    return three_ways(ran, "no way in was found on any layer")


def mail_flows(scene: Scene) -> Outcome:
    """A message handed over on the host is delivered within 25 s."""
    token = secrets.token_hex(8)
    recipient = scene.arg("recipient", "user", "root")
    # OpenSMTPD logs no Message-ID: there a delivery counts that was logged after the message was handed over. It delivers
    # nothing to root himself ("not allowed to deliver to: root"), who has no alias in Debian.
    ran = scene.sh(
        """recipient=$1 token=$2 since=$(date '+%Y-%m-%d %H:%M:%S') old=$(cat /var/log/mail.log 2>/dev/null | wc -c)
log() { cat /var/log/mail.log /var/log/exim4/mainlog 2>/dev/null || true
  if command -v journalctl >/dev/null; then journalctl -q --no-pager --since '-5 minutes' SYSLOG_FACILITY=2 || true; fi; }
new() { tail -c "+$((old + 1))" /var/log/mail.log 2>/dev/null || true
  if command -v journalctl >/dev/null; then journalctl -q --no-pager --since "$since" SYSLOG_FACILITY=2 || true; fi; }
printf 'From: root\\nTo: %s\\nSubject: auditor %s\\nMessage-ID: <auditor-%s@localhost.localdomain>\\n\\nA test of the way of mail.\\n' \
  "$recipient" "$token" "$token" | /usr/sbin/sendmail -i -- "$recipient" || exit 1
n=0
while [ $n -lt 25 ]; do
  n=$((n + 1)); sleep 1
  id=$(log | sed -n "s/.*[ :]\\([0-9A-Za-z-]\\{6,\\}\\)[: ].*auditor-$token@.*/\\1/p" | tail -n 1)
  if [ -n "$id" ] && log | grep -F -e "$id" | grep -Eq 'status=sent|[ =]>[ /]|=> |stat=Sent'; then exit 0; fi
  if new | grep -Eq "(mda|mta) delivery .*result=\\"?Ok"; then exit 0; fi
  if new | grep -F " to=<$recipient@" | grep -Eq "mda delivery .*result=\\"?PermFail"; then
    echo "handed over, but nothing is delivered to $recipient: it needs an alias (playbook role-addresses)"; exit 1
  fi
done
echo "handed over, but no delivery was logged within 25 s"
exit 1""",
        recipient,
        token,
        timeout=60,
    )
    return three_ways(ran, "a local message was delivered")


def _unit(scene: Scene) -> str:
    return scene.arg("unit", "line", scene.state.values.get("units"))


# ControlGroup, not MainPID: a SysV script has no main process, and Debian 12's postfix.service no process at all.
_UNIT_ALIVE: Final = """systemctl is-active -q "$1"; active=$?
group=$(systemctl show -p ControlGroup --value "$1")
if [ -n "$group" ] && [ -n "$(cat /sys/fs/cgroup"$group"/cgroup.procs 2>/dev/null)" ]; then alive=0; else alive=1; fi
"""


# A unit that nobody knows, or a systemd that does not answer, is not one that was stopped.
_UNIT_KNOWN: Final = """case $(systemctl show -p LoadState --value "$1") in
  ''|not-found) echo "systemd does not know $1"; exit 2;;
esac
"""


def unit_active(scene: Scene) -> Outcome:
    """Active, with a process."""
    ran = scene.sh(
        "set +e\n" + _UNIT_ALIVE + 'echo "active=$active alive=$alive"; [ $active = 0 ] && [ $alive = 0 ]',
        _unit(scene),
    )
    return three_ways(ran, _unit(scene))


def unit_inactive(scene: Scene) -> Outcome:
    """Not active, without a process."""
    ran = scene.sh(
        "set +e\n"
        + _UNIT_KNOWN
        + _UNIT_ALIVE
        + 'echo "active=$active alive=$alive"; [ $active != 0 ] && [ $alive = 1 ]',
        _unit(scene),
    )
    return three_ways(ran, _unit(scene))


def listener_in_unit(scene: Scene) -> Outcome:
    """Every process that listens on the port lives in the cgroup of its unit."""
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
    return three_ways(ran, "owned by its unit")


def resolver(scene: Scene) -> Outcome:
    """Each name server of resolv.conf answers."""
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
servers=$(sed -n 's/^nameserver[[:space:]]*//p' /etc/resolv.conf) || exit 2
if [ -z "$servers" ]; then echo '/etc/resolv.conf names no server'; exit 1; fi
for server in $servers; do
  ask "$server" "$1" || { echo "$server does not answer"; exit 1; }
done""",
        scene.arg("name", "domain"),
    )
    return three_ways(ran, "every resolver answers")


_TABLES: Final = "nft list tables 2>/dev/null | grep -Eq '^table inet auditor_(iso|egress)'"
_LOADED: Final = r"""state=/etc/auditor/isolation/state.json
tables=$(sed -n 's/.*"tables": *\[\([^]]*\)\].*/\1/p' "$state" 2>/dev/null | tr -d '",')
[ -n "$tables" ] || tables=$(nft list tables 2>/dev/null | sed -n 's/^table inet \(auditor_iso\|auditor_egress\)$/\1/p')
if [ -z "$tables" ]; then echo 'no isolation table is loaded'; exit 1; fi
for table in $tables; do
  if ! nft list table inet "$table" 2>/dev/null | grep -q reject; then echo "$table is gone or empty"; exit 1; fi
done
if nft list set inet auditor_iso admin4 2>/dev/null | grep -q '0\.0\.0\.0/0'; then
  echo 'SSH is open for everybody: nobody confirmed in time'
fi"""


def isolation_active(scene: Scene) -> Outcome:
    """What the isolation says that it loaded is loaded. That its dead man opened SSH is told, and is no loss."""
    ran = scene.sh(_LOADED)
    return three_ways(ran, said(ran) if ran.stdout.strip() else "loaded")


def isolation_absent(scene: Scene) -> Outcome:
    """No table of ours."""
    text = f"command -v nft >/dev/null || exit 0\nnft list tables >/dev/null || exit 2\nif {_TABLES}; then echo loaded; exit 1; fi"
    return three_ways(scene.sh(text), "no isolation table")


def no_sessions(scene: Scene) -> Outcome:
    """No established SMTP session with the address."""
    ran = scene.sh(
        "found=$(ss -Htn state established '( sport = :25 or sport = :465 or sport = :587 )' dst \"$1\") || exit 2\n"
        'if [ -n "$found" ]; then echo "$found"; exit 1; fi',
        scene.arg("address", "ip"),
    )
    return three_ways(ran, "none")


# OpenSMTPD tells the login once a session, so that its messages are counted by the session's number.
_SENT_OPENSMTPD: Final = r"""since=$(date -d "$1" +%s)
journalctl -q --no-pager -S -24h -o short-unix SYSLOG_FACILITY=2 | awk -v since="$since" '
  { print "mail-lines"; session = ""; for (i = 3; i < NF; i++) if ($i == "smtp") { session = $(i - 1); what = $(i + 1); break } }
  session != "" && what == "authentication" && / result=ok/ {
    for (i = 1; i <= NF; i++) if ($i ~ /^user=/) login[session] = substr($i, 6)
  }
  session != "" && what == "message" && $1 >= since && session in login { print "sasl_username=" login[session] }
' | sort | uniq -c | sort -rn | awk 'NR <= 50 || /mail-lines$/'"""
# The rule counts for as long as the isolation stands, and without it nobody does; what was tried within the time, only
# the kernel's log tells.
_STRANGERS: Final = r"""tried=$(nft list table inet auditor_egress 2>/dev/null |
  sed -n '/other-users/s/.* counter packets \([0-9]*\) .*/\1/p')
case $tried in '') exit 3;; 0) exit 0;; esac
if journalctl -k -q --no-pager -o cat -S "$1" | grep -q auditor-egress-other; then exit 1; fi
journalctl -k -b -q --no-pager -o cat | grep -q auditor-egress-other || exit 2"""


def quiet(scene: Scene) -> Outcome:
    """No login handed over more than `limit` messages in the last `minutes`, and nothing but the mail program tried to send."""
    minutes = int(scene.arg("minutes", "int", "60"))
    limit = int(scene.arg("limit", "int", scene.state.values.get("mail_limit_per_hour", "100")))
    since = f"{minutes} minutes ago"
    counting = _SENT_OPENSMTPD if scene.state.values.get("mta") == "opensmtpd" else COUNT_SENT
    ran = scene.sh(f"set +e\n{counting}", since, timeout=60)
    text = ran.stdout.decode("utf-8", "backslashreplace")
    if ran.exit != 0 or LOG_SEEN not in text:
        return Outcome.unknown(f"the mail log of the last day cannot be counted: {said(ran)}")
    busiest = next(iter(parse_counts(text)), None)
    if busiest is not None and busiest.messages > limit:
        return Outcome.failed(f"{escaped(busiest.login)}: {busiest.messages} messages in {minutes} minutes")
    calm = f"no login sent more than {limit} messages in {minutes} minutes"
    match scene.sh(_STRANGERS, since, timeout=60).exit:
        case 0:
            return Outcome.ok(calm)
        case 3:
            return Outcome.ok(f"{calm}; nothing here counts what other programs try")
        case 1:
            return Outcome.failed(
                f"a program that is not the mail program tried to send in the last {minutes} minutes"
            )
        case _:
            return Outcome.unknown(
                "a program that is not the mail program tried to send, and when is not logged"
            )
