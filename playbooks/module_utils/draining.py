"""No new mail comes in for a while, what is under way ends: senders whose connection is refused come back for days.

A table of our own does it alike for every mail program, and goes with a restart of the host. Only the first packet of a
connection is looked at, so sessions that are open go on, also on a host that tracked no connections before.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

from ansible.module_utils.mail_listeners import unit_processes
from ansible.module_utils.mail_transaction import last_line, run
from ansible.module_utils.packet_filter import arm, disarm

TABLE, DEAD_MAN = "auditor_round", "auditor-round-open"
RULES = f"""add table inet {TABLE}
delete table inet {TABLE}
table inet {TABLE} {{
  chain incoming {{
    type filter hook input priority filter - 10; policy accept;
    iif lo accept
    tcp dport {{ 25, 465, 587 }} tcp flags & (fin | syn | rst | ack) == syn counter reject with tcp reset
  }}
}}
"""
SESSIONS = "( sport = :25 or sport = :465 or sport = :587 )"


def close(seconds: int) -> str:
    """Refuse new connections, at most for `seconds` whatever becomes of us; '' or why it could not be done."""
    if complaint := arm(DEAD_MAN, seconds, ["nft", "delete", "table", "inet", TABLE]):
        return complaint
    done = run(["nft", "-f", "-"], stdin=RULES)
    if done.returncode:
        disarm(DEAD_MAN)
        return last_line(done.stderr)
    return ""


def reopen() -> None:
    """Take connections again."""
    run(["nft", "delete", "table", "inet", TABLE])
    disarm(DEAD_MAN)


def under_way(mta: str, unit: str) -> list[str]:
    """What has begun and not ended: sessions, and deliveries as far as the mail program tells."""
    told = run(["ss", "-Htn", "state", "established", SESSIONS])
    if told.returncode:
        return [f"sessions that could not be counted ({last_line(told.stderr)})"]
    sessions = [row for row in told.stdout.splitlines() if row.strip()]
    return [f"{count} {what}" for count, what in ((len(sessions), "session(s)"), (_deliveries(mta, unit), "delivery(s)")) if count]


def _deliveries(mta: str, unit: str) -> int:
    if mta == "postfix":
        return sum(len([one for one in Path("/var/spool/postfix", name).rglob("*") if one.is_file()]) for name in ("incoming", "active"))
    if mta == "opensmtpd":
        found = re.search(r"(?m)^scheduler\.envelope\.inflight=(\d+)$", run(["smtpctl", "show", "stats"]).stdout)
        return int(found.group(1)) if found else 0
    return max(0, len(unit_processes(unit)) - 1)  # Exim and Sendmail: one process each beside the daemon


def drain(mta: str, unit: str, seconds: int) -> list[str]:
    """Wait until nothing is under way; what still is after `seconds`."""
    deadline = time.monotonic() + seconds
    while (left := under_way(mta, unit)) and time.monotonic() < deadline:
        time.sleep(1)
    return left
