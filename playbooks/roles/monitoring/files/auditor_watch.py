#!/usr/bin/python3
"""Look whether mail works, and tell somebody by a way that is not this mail server.

    auditor-watch [--peer HOST=RECIPIENT]...      one look; what is wrong twice in a row is told, and told again when it is over
    auditor-watch --rehearse                      send a message that is only a test by every way

Installed by the playbook monitoring. What to look at is in /etc/auditor/watch.json, how to tell in /etc/auditor/watch.secret.
Nothing here hands over mail at a peer: the transaction ends after RCPT.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import smtplib
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

SETTINGS = Path("/etc/auditor/watch.json")
SECRET = Path("/etc/auditor/watch.secret")
STATE = Path("/var/lib/auditor/watch.json")
STAMP = Path("/var/lib/auditor/backup-succeeded")
SECONDS = 20.0
DAY = 86400
# The program's own list of the queue, one line or stanza a message.
QUEUES = {
    "postfix": (["postqueue", "-j"], r"(?m)^\{"),
    "exim": (["exim4", "-bpr"], r"(?m)^[ \t]*\d+[smhdw]"),
    "opensmtpd": (["smtpctl", "show", "queue"], r"(?m)^[0-9a-f]{16}\|"),
    "sendmail": (["sendmail-mta", "-bp"], r"(?m)^[0-9A-Za-z]{14}\b"),
}

Problems = dict[str, str]


def run(argv: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
    try:
        return subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False, timeout=60, env=environment)
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(argv, 127, "", str(error))


def units(settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """A unit counts as alive when a process is in its control group: a generated one stays "active" when its daemon has died."""
    for unit in [*settings["units"], *settings["helpers"]]:
        told = run(["systemctl", "show", "-p", "ControlGroup,ActiveState,UnitFileState", unit]).stdout
        state = dict(line.split("=", 1) for line in told.splitlines() if "=" in line)
        processes = Path(f"/sys/fs/cgroup{state.get('ControlGroup', '')}/cgroup.procs")
        alive = state.get("ControlGroup") and processes.exists() and processes.read_text(encoding="ascii").strip()
        put_away = state.get("ActiveState") == "inactive" and state.get("UnitFileState") in ("disabled", "masked")
        if not alive and not (unit in settings["helpers"] and put_away):
            yield f"unit {unit}", f"{unit} has no process"


def queue(settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    command, line = QUEUES[settings["mta"]]
    done = run(command)
    if done.returncode not in (0, 75):  # postqueue says 75 when Postfix is down, and the units say so better
        yield "queue", f"{command[0]} cannot list the queue: {(done.stderr.strip() or 'no message').splitlines()[-1][:200]}"
    elif (waiting := len(re.findall(line, done.stdout))) > settings["queue_limit"]:
        yield "queue", f"{waiting} messages wait in the queue; {settings['queue_limit']} are usual at most"


def room(settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for path in settings["paths"]:
        with contextlib.suppress(FileNotFoundError):
            disk = os.statvfs(path)
            free = (disk.f_bavail / disk.f_blocks, disk.f_favail / disk.f_files if disk.f_files else 1.0)
            if min(free) * 100 < settings["free_percent"]:
                yield f"room {path}", f"{path} has {free[0]:.0%} of its space and {free[1]:.0%} of its files left"


def doors(settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """A greeting at each port, and the days that its certificate still has."""
    for door in settings["doors"]:
        where = f"port {door['port']} at {door['address']}"
        try:
            certificate = greeted(door["address"], door["port"], settings["host"])
            left, life = days_of(certificate) if certificate else (0, 0)
        except (OSError, smtplib.SMTPException, ssl.SSLError) as error:
            yield where, f"{where} does not answer: {error}"
            continue
        except ValueError:
            yield f"certificate {where}", f"the certificate of {where} cannot be read"
            continue
        # Exim without a certificate makes one for the hour: nobody has to renew that.
        if left < settings["certificate_days"] < life:
            yield f"certificate {where}", f"the certificate of {where} expires in {left} days"


def greeted(address: str, port: int, helo: str) -> bytes:
    """The certificate that a port presents, b"" where it offers no TLS. Whether others trust it is asked elsewhere."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if port == 465:
        with smtplib.SMTP_SSL(address, port, helo, timeout=SECONDS, context=context) as session:
            return session.sock.getpeercert(binary_form=True) or b""
    with smtplib.SMTP(address, port, helo, timeout=SECONDS) as session:
        session.ehlo()
        if not session.has_extn("starttls"):
            return b""
        session.starttls(context=context)
        return session.sock.getpeercert(binary_form=True) or b""


def days_of(certificate: bytes) -> tuple[int, int]:
    """Days that a certificate has left, and that it has in all."""
    pem = ssl.DER_cert_to_PEM_cert(certificate)
    done = subprocess.run(["openssl", "x509", "-noout", "-dates"], input=pem, capture_output=True, text=True, check=False)
    begins, ends = (ssl.cert_time_to_seconds(line.partition("=")[2].strip()) for line in done.stdout.splitlines()[:2])
    return int((ends - time.time()) // DAY), int((ends - begins) // DAY)


def backup(settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if settings["backup"] and (not STAMP.exists() or time.time() - STAMP.stat().st_mtime > 2 * DAY):
        yield "backup", "no backup has succeeded for two days"


def peers(settings: dict[str, Any], named: list[str]) -> Iterator[tuple[str, str]]:
    """As far as RCPT at another host: the greeting stays green when a policy service or a look-up behind it is dead."""
    for host, _, recipient in (one.partition("=") for one in named):
        try:
            with smtplib.SMTP(host, 25, settings["host"], timeout=SECONDS) as session:
                session.ehlo()
                for said in (session.mail(""), session.rcpt(recipient)):
                    if said[0] // 100 != 2:
                        text = said[1].decode("utf-8", "replace")
                        yield f"peer {host}", f"{host} does not take mail for {recipient}: {said[0]} {text[:200]}"
                        break
        except (OSError, smtplib.SMTPException) as error:
            yield f"peer {host}", f"{host} does not take mail for {recipient}: {error}"


def look(settings: dict[str, Any], named: list[str]) -> Problems:
    found = [*units(settings), *queue(settings), *room(settings), *doors(settings), *backup(settings), *peers(settings, named)]
    return {key: "".join(char if char.isprintable() else "?" for char in text[:400]) for key, text in found}


def news(before: dict[str, Any], now: Problems, at: float, repeat: float) -> tuple[list[str], dict[str, Any]]:
    """Lines to tell, and what to remember. A problem is told at its second sighting, again after `repeat` seconds, and at its end."""
    lines, after = [], {}
    for key, text in now.items():
        known = before.get(key, {"seen": 0, "told": 0.0, "text": text})
        due = known["seen"] >= 1 and at - known["told"] >= repeat
        lines += [text] if due else []
        after[key] = {"seen": known["seen"] + 1, "told": at if due else known["told"], "text": text}
    lines += [f"over: {known['text']}" for key, known in before.items() if key not in now and known["told"]]
    return lines, after


def tell(settings: dict[str, Any], lines: list[str]) -> list[str]:
    """By every way; the ways that failed, in words. Logged in any case, for the host's own log is shipped elsewhere."""
    secret = json.loads(SECRET.read_text(encoding="utf-8"))
    text = "\n".join(lines)
    print(f"<3>{'; '.join(lines)}", file=sys.stderr)
    failed = []
    for way in secret["mail"]:
        try:
            by_mail(way, settings["host"], lines[0], text)
        except (OSError, smtplib.SMTPException, ssl.SSLError, ValueError) as error:
            failed.append(f"mail by {way['via']}: {error}")
    for url in secret["post"]:
        try:
            post(url, f"{settings['host']}: {text}")
        except (OSError, ValueError) as error:
            failed.append(f"a POST: {error}")  # the address itself may be a secret
    return failed


def by_mail(way: dict[str, Any], host: str, subject: str, text: str) -> None:
    """Straight to a server that is not ours: our own may be what is broken."""
    message = EmailMessage()
    message["From"] = way.get("from") or f"auditor-watch@{host}"
    message["To"] = way["to"]
    message["Subject"] = f"{host}: {subject}"[:200]
    message["Date"] = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime())
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(f"{text}\n\nauditor-watch on {host}\n")
    name, _, port = str(way["via"]).partition(":")
    with smtplib.SMTP(name, int(port or 25), local_hostname=host, timeout=SECONDS) as session:
        session.ehlo()
        if way.get("user") or session.has_extn("starttls"):
            context = ssl.create_default_context()
            if not way.get("user"):  # to an MX, TLS is opportunistic; a password is given to nobody unproven
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            session.starttls(context=context)
        if way.get("user"):
            session.login(way["user"], way["password"])
        session.send_message(message)


def post(url: str, text: str) -> None:
    request = urllib.request.Request(url, data=text.encode(), headers={"Content-Type": "text/plain; charset=utf-8"})
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        answer.read(1024)


def main(words: list[str]) -> int:
    settings = json.loads(SETTINGS.read_text(encoding="utf-8"))
    if words == ["--rehearse"]:
        failed = tell(settings, ["this is only a test of the way by which alarms are told"])
        for line in failed:
            print(line, file=sys.stderr)
        return 1 if failed else 0
    named = [words[at + 1] for at, word in enumerate(words[:-1]) if word == "--peer"]
    before = json.loads(STATE.read_text(encoding="utf-8")) if STATE.exists() else {}
    now = look(settings, named)
    lines, after = news(before, now, time.time(), settings["repeat_seconds"])
    failed = tell(settings, lines) if lines else []
    if failed:
        after = {key: {**known, "told": before.get(key, {}).get("told", 0.0)} for key, known in after.items()}
    STATE.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    draft = STATE.with_suffix(".new")
    draft.write_text(json.dumps(after), encoding="utf-8")
    draft.replace(STATE)
    heartbeat = json.loads(SECRET.read_text(encoding="utf-8"))["heartbeat"]
    if heartbeat and not now:
        post(heartbeat, "fine")
    for line in failed:
        print(f"could not be told: {line}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    os.umask(0o077)
    try:
        sys.exit(main(sys.argv[1:]))
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"auditor-watch: {error}")
