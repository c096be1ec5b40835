"""How much mail waits in the queue of each mail program, and how much of it is held. Works when the daemon is down."""

import re
from typing import Final

from auditor.runbook.state import State
from auditor.runbook.world import Measured
from auditor.transport.remote import Program, Remote

# A queue whose directory is not there cannot be counted: its disk may be what is lost.
# Files are counted where the program's own listing needs a running daemon.
_COUNT: Final = {
    "postfix": """d=$(postconf -h queue_directory)
[ -d "$d/incoming" ] || exit 2
n() { find "$d/$1" -type f 2>/dev/null | wc -l; }
held=$(n hold)
echo total=$(( $(n incoming) + $(n active) + $(n deferred) + held )) held=$held""",
    # With hold_domains everything that is not local stays, frozen or not.
    "exim4": """[ -d /var/spool/exim4/input ] || exit 2
total=$(find /var/spool/exim4/input -name '*-H' -type f 2>/dev/null | wc -l)
if [ -n "$(exim4 -bP hold_domains 2>/dev/null | sed 's/^hold_domains = *//')" ]; then held=$total
else held=$(exim4 -bp 2>/dev/null | grep -c -F '*** frozen ***') || true; fi
echo total=$total held=$held""",
    # A pause is forgotten at every restart, so it counts only with the drop-in that renews it.
    "opensmtpd": """[ -d /var/spool/smtpd/queue ] || exit 2
total=$(find /var/spool/smtpd/queue -type f ! -name message 2>/dev/null | wc -l)
held=0
if [ -e /etc/systemd/system/opensmtpd.service.d/auditor-hold.conf ] || [ "$(systemctl is-enabled opensmtpd 2>/dev/null)" = masked-runtime ]; then
  if ! systemctl is-active -q opensmtpd || smtpctl show status | grep -qx 'MTA paused'; then held=$total; fi
fi
echo total=$total held=$held""",
    "sendmail": """[ -d /var/spool/mqueue ] || exit 2
held=$(find /var/spool/mqueue -name 'hf*' -type f 2>/dev/null | wc -l)
open=$(find /var/spool/mqueue -name 'qf*' -type f 2>/dev/null | wc -l)
echo total=$(( held + open )) held=$held""",
}


def measure(remote: Remote, state: State) -> Measured | None:
    """The size of the queue, or None when it cannot be told; raises CannotReach."""
    text = _COUNT.get(state.values.get("mta", ""))
    if text is None:
        return None
    ran = remote.run(
        Program(text=f"PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C; export PATH LC_ALL\n{text}", timeout=60),
        limit=1000,
    )
    found = re.fullmatch(rb"total=(\d{1,9}) held=(\d{1,9})\s*", ran.stdout)
    return Measured(total=int(found[1]), held=int(found[2])) if ran.exit == 0 and found else None
