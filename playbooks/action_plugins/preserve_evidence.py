"""Evidence from a suspect host, in order of volatility (RFC 3227), kept on the controller and never on the host.

Each item is one command over the play's own connection; its output is hashed as it arrives and again after it was
written. An action plugin, because a module would have to write on the suspect's disk.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

LIMIT = 512 * 1024 * 1024  # bytes of one item, as base64
QUEUES = {
    "postfix": ("postqueue -j", "var/spool/postfix etc/postfix"),
    "exim": ("exim4 -bp", "var/spool/exim4 etc/exim4"),
    "opensmtpd": ("smtpctl show queue; smtpctl show status; smtpctl show stats", "var/spool/smtpd etc/smtpd.conf"),
    "sendmail": ("sendmail-mta -bp", "var/spool/mqueue var/spool/mqueue-client etc/mail"),
}


def items(mta: str, hours: int) -> list[tuple[str, str]]:
    """Names and constant commands; nothing that was read from a host is ever part of one."""
    queue, trees = QUEUES[mta]
    return [
        ("clock.txt", "date -u +%FT%T.%NZ; cat /proc/uptime /proc/sys/kernel/random/boot_id"),
        ("network.txt", "ss -tunape; ip -s addr; ip route; ip neigh; nft list ruleset"),
        ("processes.txt", "ps auxwwf; ls -l /proc/[0-9]*/exe /proc/[0-9]*/cwd"),
        ("sessions.txt", "w; last -Faiw | head -500; loginctl --no-pager; doveadm who -1"),
        ("kernel.txt", "cat /proc/modules; dmesg; sysctl -a"),
        ("queue.txt", queue),
        ("temporary.txt", "ls -laR --time-style=full-iso /tmp /var/tmp /dev/shm /run"),
        ("journal.export", f"journalctl -o export --since -{int(hours)}h"),
        ("logs.tar", "tar --numeric-owner --ignore-failed-read -C / -cf - var/log/mail.log* var/log/mail.err* var/log/exim4 var/log/auth.log*"),
        ("mail.tar", f"tar --numeric-owner --acls --xattrs --ignore-failed-read -C / -cf - {trees} etc/aliases etc/dovecot"),
        ("persistence.tar", "tar --numeric-owner --ignore-failed-read -C / -cf - etc/cron* etc/systemd/system var/spool/cron root/.ssh/authorized_keys"),
        ("packages.txt", "dpkg -V"),
    ]


class ActionModule(ActionBase):
    """Collects every item; a command that fails is recorded with its exit code and does not stop the others."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        arguments = self._task.args
        store = Path(str(arguments["directory"])).resolve()
        wanted = items(str(arguments["mta"]), int(arguments["hours"]))
        if self._play_context.check_mode:
            return result | {"changed": False, "sentence": f"{len(wanted)} items would be kept in {store}."}
        store = store / time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        old = os.umask(0o077)
        try:
            store.mkdir(parents=True)
            manifest = [self._keep(store, name, command) for name, command in wanted]
            text = json.dumps(manifest, indent=1) + "\n"
            (store / "manifest.json").write_text(text, encoding="utf-8")
            (store / "SHA256SUMS").write_text("".join(f"{one['sha256']}  {one['name']}\n" for one in manifest), encoding="ascii")
        except OSError as error:
            raise AnsibleActionFail(f"The evidence could not be kept in {store}: {error}") from error
        finally:
            os.umask(old)
        digest = hashlib.sha256(text.encode()).hexdigest()
        sentence = f"{len(manifest)} items are in {store}; check them with `sha256sum -c SHA256SUMS`. The manifest's SHA-256 is {digest}."
        return result | {"changed": True, "store": str(store), "manifest_sha256": digest, "sentence": sentence}

    def _keep(self, store: Path, name: str, command: str) -> dict[str, Any]:
        begun = time.time()
        done = self._low_level_execute_command(f"export LC_ALL=C; {{ {command}; }} 2>/dev/null | head -c {LIMIT // 4 * 3} | base64")
        data = base64.b64decode("".join(str(done.get("stdout", "")).split()))
        path = store / name
        with path.open("xb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        digest = hashlib.sha256(data).hexdigest()
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise OSError(f"{name} reads back differently")
        path.chmod(0o400)
        return {"name": name, "command": command, "begun": begun, "ended": time.time(), "exit": done.get("rc"), "bytes": len(data), "sha256": digest}
