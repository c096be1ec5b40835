"""Fetch what the accounting needs from the host: the log of the window, the ids that wait, those that we removed."""

from pathlib import Path
from typing import Final

from auditor.runbook.accounting import PARSERS, Balance, balance
from auditor.runbook.state import State
from auditor.runbook.world import Outcome
from auditor.transport.remote import Program, Remote

_PATH: Final = (
    "LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export LC_ALL PATH\n"
)
_LOG_LIMIT: Final = 200_000_000
# Files where there are files (they reach further back), the journal where there are none; never both, or all counts twice.
_LOG: Final = {
    "exim4": "cat /var/log/exim4/mainlog.1 /var/log/exim4/mainlog 2>/dev/null || true",
    "": "if [ -s /var/log/mail.log ]; then cat /var/log/mail.log.1 /var/log/mail.log 2>/dev/null || true; exit 0; fi\n"
    "journalctl -q --no-pager -o short-iso SYSLOG_FACILITY=2",
}
# One line an id: `ID held` or `ID queued`.
_WAITING: Final = {
    "postfix": """d=$(postconf -h queue_directory)
for q in incoming active deferred hold; do
  if [ $q = hold ]; then as=held; else as=queued; fi
  find "$d/$q" -type f -printf "%f $as\\n"
done""",
    "exim4": "find /var/spool/exim4/input -name '*-H' -type f -printf '%f queued\\n' | sed 's/-H / /'",
    "opensmtpd": "find /var/spool/smtpd/queue -type f ! -name message -printf '%f queued\\n' | sed 's/^\\(.\\{8\\}\\)[^ ]*/\\1/'",
    "sendmail": "find /var/spool/mqueue -type f -name 'hf*' -printf '%f held\\n' | sed 's/^hf//'\n"
    "find /var/spool/mqueue -type f -name 'qf*' -printf '%f queued\\n' | sed 's/^qf//'",
}


def of_host(remote: Remote, state: State, folder: Path) -> Balance | None:
    """The balance of everything in the host's present log, or None when it cannot be seen; raises CannotReach."""
    mta = state.values.get("mta", "")
    if mta not in PARSERS:
        return None
    log = remote.run(Program(text=_PATH + _LOG.get(mta, _LOG[""]), timeout=120), limit=_LOG_LIMIT)
    queue = remote.run(Program(text=_PATH + _WAITING[mta], timeout=60), limit=50_000_000)
    if log.exit != 0 or queue.exit != 0 or log.truncated or queue.truncated or not log.stdout:
        return None
    traffic = PARSERS[mta](log.stdout.decode("utf-8", "backslashreplace").splitlines())
    waiting = {}
    for line in queue.stdout.decode("ascii", "backslashreplace").splitlines():
        name, _, how = line.partition(" ")
        waiting[name] = how == "held"
    return balance(traffic, waiting, removed(state, folder))


def removed(state: State, folder: Path) -> frozenset[str]:
    """The ids that destructive steps of this incident acted on. OpenSMTPD's envelopes count by their message."""
    ids = [line for name in state.removed for line in (folder / name).read_text("utf-8").splitlines()]
    return frozenset(ids) | frozenset(one[:8] for one in ids if len(one) == 16)


def outcome(remote: Remote, state: State, folder: Path) -> Outcome:
    """The balance as a probe's outcome."""
    found = of_host(remote, state, folder)
    if found is None:
        return Outcome.unknown("the mail log or the queue cannot be read")
    if found.lost:
        return Outcome.failed(f"{found.sentence()}: {', '.join(found.lost[:5])}")
    return Outcome.ok(found.sentence())
