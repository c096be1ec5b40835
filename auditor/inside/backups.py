"""Traces that backup programs leave on the host: times alone, no names of files and no repository."""

from auditor.evidence.backups import Backups, parse_traces
from auditor.evidence.processes import ProcessTable
from auditor.inside.command import Command, Output, reads

TRACES = Command(
    id="backup-traces",
    argv=(
        "sh",
        "-c",
        r"""newest() { t=$1; shift; m=$(find "$@" -type f -printf '%T@\n' 2>/dev/null | sort -rn | head -n 1); [ -n "$m" ] && echo "run|$t|${m%.*}"; }
for h in /root /home/*; do
  [ -d "$h/.cache/restic" ] && newest restic "$h"/.cache/restic/*/snapshots
  [ -d "$h/.config/borg/security" ] && newest borg "$h/.config/borg/security" -name manifest-timestamp
  [ -d "$h/.cache/duplicity" ] && newest duplicity "$h/.cache/duplicity" -name '*.manifest*'
done
d=$(grep -hsE 'completed( successfully|, but with some warnings)' /var/log/rsnapshot.log | tail -n 1 | sed -nE 's/^\[([^]]+)\].*/\1/p')
[ -n "$d" ] && s=$(date -d "$d" +%s 2>/dev/null) && echo "run|rsnapshot|$s"
d=$(grep -hsE 'FINISHED: .* 0 fatal\. 0 error\.' /var/log/backupninja.log | tail -n 1 | cut -c1-15)
[ -n "$d" ] && s=$(date -d "$d" +%s 2>/dev/null) && [ "$s" -le "$(date +%s)" ] && echo "run|backupninja|$s"
f=/var/lib/auditor/backup-succeeded; [ -e $f ] && echo "run|backup-succeeded|$(stat -c %Y $f)"
f=/var/lib/auditor/restore-rehearsed; [ -e $f ] && echo "restored|$(stat -c %Y $f)"
systemctl show --all --timestamp=unix -p Id,Type,Result,ActiveState,ExecMainExitTimestamp 'borg*.service' 'restic*.service' '*backup*.service' \
  'duplicity*.service' 'duply*.service' 'rsnapshot*.service' 'kopia*.service' 2>/dev/null | awk -F= '
  { v[$1] = $2 }
  $0 == "" { tell() } END { tell() }
  function tell() {
    if (v["Type"] == "oneshot" && v["Id"] != "dpkg-db-backup.service") {
      if (v["Result"] != "success") print "failed|" v["Id"]
      else if (v["ExecMainExitTimestamp"] ~ /^@/) print "run|" v["Id"] "|" substr(v["ExecMainExitTimestamp"], 2)
    }
    delete v
  }'
grep -rhsoE '(^|[^a-z])(borgmatic|borg|restic|duplicity|duply|rsnapshot|backupninja|kopia|rclone|tarsnap|backup-manager)([^a-z]|$)' \
  /etc/cron.d /etc/cron.daily /etc/cron.weekly /etc/crontab /var/spool/cron/crontabs |
  grep -oE '[a-z-]+' | sort -u | sed 's/^/scheduled|/'
systemctl show --all -p Id,ActiveState 'borg*.timer' 'restic*.timer' 'duplicity*.timer' 'rsnapshot*.timer' 'kopia*.timer' 2>/dev/null |
  sed -nE 's/^Id=(.*)\.timer$/scheduled|\1/p'
true""",
    ),
    root=True,
    timeout=15,
    limit=65536,
    beside=True,
)


@reads(TRACES)
def backups(output: Output, table: ProcessTable) -> Backups:
    """Of restic, Borg, duplicity, rsnapshot, backupninja, units that carry such a name, and our own two stamps."""
    return parse_traces(output.text(), table)
