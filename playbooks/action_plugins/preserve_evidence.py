"""Evidence from a suspect host, in order of volatility (RFC 3227), kept on the controller and never on the host.

Each item is one command over the play's own connection. What it printed, what it complained about and its own exit
come back apart, so that a command that failed half way never looks like one that had little to say. An action plugin,
because a module would have to write on the suspect's disk. What the host notes by itself is beyond us: the login in its
logs, and the empty lock of the Postfix service that lists the queue.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import shlex
import time
from pathlib import Path
from typing import Any, NamedTuple

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

SECONDS = 600  # of one item; a mail program that hangs must not keep the rest from us
SAID = 4096  # bytes of what a command complains about, the last ones
LOST = 2  # items one after another that the connection lost; then the host is not asked again

# Bytes to base64 on fd 3; complaints, then the command's own exit and that of the carriage, on fd 5. Nothing needs a file.
CARRIER = """{{
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
exec 3>&1
echo
said=$({{ {{ {{ timeout -k 5 {seconds} sh -c {command} 3>&- 5>&-; printf '\\nexit %s\\n' "$?" >&5; }} 2>&5 </dev/null |
  head -c {bytes} | base64 -w 0 >&3; printf 'carried %s\\n' "$?" >&5; }} 5>&1 | tail -c {said}; }})
echo
printf %s "$said" | base64 -w 0
printf '\\nend\\n'
}}
"""

# The access times of the files are evidence as well. A file that changes while it is read ends tar with 1.
TAR = "tar --create --file=- --numeric-owner --atime-preserve=system --directory=/"
# Whoever reads the evidence later must not be able to sign, decrypt or log in as the host; files.txt tells of those that stayed.
SECRETS = "--exclude='*.key' --exclude='*private*' --exclude='*passwd*' --exclude='*key.pem'"
LIVE = "postfix exim4 smtpd mqueue mqueue-client"
CONFIGURATION = "postfix exim4 smtpd.conf mail dovecot aliases mailname opendkim opendkim.conf rspamd default hosts resolv.conf"
ACCOUNTS = "passwd group sudoers sudoers.d pam.d ssh/sshd_config ssh/sshd_config.d"
STARTED = "cron* systemd init.d rc.local ld.so.preload ld.so.conf.d profile profile.d"


class Item(NamedTuple):
    """One constant command; nothing that was read from a host is ever part of one."""

    name: str
    command: str
    program: str = ""  # that a host may rightly lack
    fine: tuple[int, ...] = (0,)


def archive(options: str, *paths: str) -> str:
    """Of what is there; what is not there is said, so that nobody takes it for empty."""
    chosen = f"""cd / && for path in {" ".join(paths)}; do if [ -e "$path" ]; then set -- "$@" "$path"; else echo "not there: $path" >&2; fi; done"""
    return f"""{chosen}; if [ $# -gt 0 ]; then {TAR} {options} -- "$@"; fi"""


def under(folder: str, names: str) -> list[str]:
    return [f"{folder}/{name}" for name in names.split()]


def items(hours: int) -> list[Item]:
    links = 'for link in /proc/[0-9]*/exe /proc/[0-9]*/cwd /proc/[0-9]*/root; do printf "%s -> %s\\n" "$link" "$(readlink "$link")"; done'
    gone = 'for exe in /proc/[0-9]*/exe; do case $(readlink "$exe") in *"(deleted)") set -- "$@" "${exe#/}";; esac; done'
    keys = ["root/.ssh/authorized_keys", "home/*/.ssh/authorized_keys", "home/*/.forward", "root/.profile", "root/.bashrc"]
    return [
        Item("clock.txt", "date -u +%FT%T.%NZ"),
        Item("uptime.txt", "cat /proc/uptime /proc/sys/kernel/random/boot_id"),
        Item("sockets.txt", "ss -tunape"),
        Item("addresses.txt", "ip -s address"),
        Item("routes.txt", "ip route show table all"),
        Item("neighbours.txt", "ip neighbour"),
        Item("firewall.txt", "nft list ruleset", "nft"),
        Item("tracked.txt", "conntrack -L", "conntrack"),
        Item("processes.txt", "ps auxwwf"),
        Item("programs.txt", links),
        Item("deleted-programs.tar", f'{gone}; if [ $# -gt 0 ]; then {TAR} --dereference -- "$@"; fi', fine=(0, 1)),
        Item("sessions.txt", "w"),
        Item("logins.txt", "last -Faiw", "last"),
        Item("seats.txt", "loginctl --no-pager list-sessions", "loginctl"),
        Item("mailbox-sessions.txt", "doveadm who -1", "doveadm"),
        Item("modules.txt", "if [ -e /proc/modules ]; then cat /proc/modules; else echo this kernel takes no modules; fi"),
        Item("kernel.txt", "dmesg"),
        Item("kernel-settings.txt", "sysctl -a"),
        Item("queue-postfix.json", "postqueue -j", "postqueue"),
        Item("queue-exim.txt", "exim4 -bp", "exim4"),
        Item("queue-opensmtpd.txt", "smtpctl show queue", "smtpctl"),
        Item("state-opensmtpd.txt", "smtpctl show status", "smtpctl"),
        Item("counters-opensmtpd.txt", "smtpctl show stats", "smtpctl"),
        Item("queue-sendmail.txt", "sendmail-mta -bp", "sendmail-mta"),
        Item("temporary.txt", "ls -laR --time-style=full-iso /tmp /var/tmp /dev/shm /run", fine=(0, 1)),
        Item("temporary.tar", archive("", "tmp", "var/tmp", "dev/shm"), fine=(0, 1)),
        Item("journal.export", f"journalctl --quiet --no-pager -o export --since -{hours}h"),
        Item("logs.tar", archive("--exclude=var/log/journal", "var/log"), fine=(0, 1)),
        Item("queue.tar", archive("--acls --xattrs", *under("var/spool", LIVE)), fine=(0, 1)),
        Item("configuration.tar", archive(f"--acls --xattrs {SECRETS}", *under("etc", CONFIGURATION)), fine=(0, 1)),
        Item("persistence.tar", archive("--acls --xattrs", *under("etc", f"{STARTED} {ACCOUNTS}"), "var/spool/cron", *keys), fine=(0, 1)),
        Item("timers.txt", "systemctl list-timers --all --no-pager"),
        Item("units.txt", "systemctl list-units --all --no-pager"),
        Item("files.txt", r"find / -xdev -printf '0|%p|%i|%M|%U|%G|%s|%A@|%T@|%C@|0\n'", fine=(0, 1)),
        # Last: it opens every file of every package. It ends with 1 where one differs.
        Item("packages.txt", "dpkg -V", fine=(0, 1)),
    ]


class ActionModule(ActionBase):
    """Collects every item; one that cannot be read is recorded with the reason and does not stop the others."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        arguments = self._task.args
        store = Path(str(arguments["directory"])).resolve()
        self._limit = int(arguments["limit"]) * 1024 * 1024
        wanted = items(int(arguments["hours"]))
        if self._task.check_mode:
            return result | {"changed": False, "missing": [], "sentences": [f"{len(wanted)} items would be kept in {store}."]}
        store = store / time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        old = os.umask(0o077)
        try:
            store.mkdir(parents=True)
            manifest = self._collect(store, wanted)
            text = json.dumps(manifest, indent=1) + "\n"
            keep(store / "manifest.json", text.encode())
            keep(store / "SHA256SUMS", "".join(f"{one['sha256']}  {one['name']}\n" for one in manifest if one["sha256"]).encode())
        except OSError as error:
            raise AnsibleActionFail(f"The evidence could not be kept in {store}: {error}") from error
        finally:
            os.umask(old)
        digest = hashlib.sha256(text.encode()).hexdigest()
        missing = [f"{one['name']}: {one['why']}" for one in manifest if one["state"] in {"failed", "cut", "lost"}]
        return result | {
            "changed": True,
            "store": str(store),
            "manifest_sha256": digest,
            "missing": missing,
            "sentences": [*told(store, manifest), f"The manifest's SHA-256 is {digest}."],
        }

    def _collect(self, store: Path, wanted: list[Item]) -> list[dict[str, Any]]:
        manifest: list[dict[str, Any]] = []
        for item in wanted:
            lost = [one["state"] == "lost" for one in manifest[-LOST:]]
            entry = {"name": item.name, "command": item.command, "begun": now(), "bytes": 0, "sha256": ""}
            if len(lost) == LOST and all(lost):
                manifest.append(entry | {"state": "lost", "why": "the host was not asked again", "exit": None, "said": "", "ended": now()})
                continue
            data, facts = self._fetch(item)
            entry |= facts | {"ended": now()}
            if facts["state"] not in {"absent", "lost"}:
                entry |= {"bytes": len(data), "sha256": keep(store / item.name, data)}
            manifest.append(entry)
        return manifest

    def _fetch(self, item: Item) -> tuple[bytes, dict[str, Any]]:
        program = CARRIER.format(seconds=SECONDS, command=shlex.quote(item.command), bytes=self._limit + 1, said=SAID)
        try:
            done = self._low_level_execute_command("/bin/sh", in_data=program)
            data, said, code, carried = unpacked(str(done.get("stdout", "")))
        except (AnsibleConnectionFailure, ValueError) as error:
            self._connection.reset()
            return b"", {"state": "lost", "why": f"it did not arrive: {printable(str(error))}", "exit": None, "said": ""}
        state, why = judged(item, data, code, carried, self._limit)
        if state == "failed" and said:
            why += f", {printable(said.splitlines()[-1])}"
        return data[: self._limit], {"state": state, "why": why, "exit": code, "said": said}


def unpacked(stdout: str) -> tuple[bytes, str, int, int]:
    """Bytes, complaints, exit of the command and of its carriage. ValueError: the answer is not whole."""
    before, *rest = stdout.replace("\r", "").rstrip("\n").rsplit("\n", 2)
    if len(rest) != 2 or rest[1] != "end":
        raise ValueError("the answer has no end")
    try:
        data = base64.b64decode(before.rpartition("\n")[2], validate=True)
        lines = base64.b64decode(rest[0], validate=True).decode("utf-8", "backslashreplace").splitlines()
    except binascii.Error as error:
        raise ValueError("the answer is damaged") from error
    if len(lines) < 2 or not lines[-2].startswith("exit ") or not lines[-1].startswith("carried "):
        raise ValueError("the answer does not say how the command ended")
    return data, "\n".join(lines[:-2]).strip("\n"), int(lines[-2].removeprefix("exit ")), int(lines[-1].removeprefix("carried "))


def judged(item: Item, data: bytes, code: int, carried: int, limit: int) -> tuple[str, str]:
    if carried:
        return "failed", f"base64 ended with {carried}"
    if len(data) > limit:
        return "cut", f"cut after {limit} bytes; raise preserve_evidence_limit or take the rest by hand"
    if code == 127 and item.program:
        return "absent", f"there is no {item.program}"
    if code == 124:
        return "failed", f"it did not end within {SECONDS} s"
    return ("kept", "") if code in item.fine else ("failed", f"exit {code}")


def told(store: Path, manifest: list[dict[str, Any]]) -> list[str]:
    whole = sum(one["state"] == "kept" for one in manifest)
    absent = sorted({one["why"].rpartition(" ")[2] for one in manifest if one["state"] == "absent"})
    sentences = [f"{whole} of {len(manifest)} items are whole in {store}; check them with `sha256sum -c SHA256SUMS`."]
    if absent:
        sentences.append(f"Programs that are not on this host: {', '.join(absent)}.")
    return sentences + [f"NOT WHOLE: {one['name']}: {one['why']}." for one in manifest if one["state"] in {"failed", "cut", "lost"}]


def keep(path: Path, data: bytes) -> str:
    """Write, read again, and give the SHA-256."""
    with path.open("xb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    digest = hashlib.sha256(data).hexdigest()
    if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        raise OSError(f"{path.name} reads back differently")
    path.chmod(0o400)
    return digest


def printable(text: str) -> str:
    """What a suspect host says, on one line and without a way to move the cursor."""
    return ascii(text)[1:-1][:200]


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
