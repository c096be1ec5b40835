"""What of a mail host has to be backed up, as patterns of paths. Pure."""

from __future__ import annotations

import re
from typing import Any

CONFIGURATION = ["/etc", "/usr/local", "/var/lib/auditor"]
# Where Debian and the usual guides put mail; what is not there is passed over.
MAIL = ["/var/mail", "/var/vmail", "/srv/mail", "/srv/vmail", "/home/*/Maildir", "/home/*/mail", "/home/*/mbox", "/root/Maildir"]
QUEUES = {
    "postfix": ["/var/spool/postfix"],
    "exim": ["/var/spool/exim4"],
    "opensmtpd": ["/var/spool/smtpd"],
    "sendmail": ["/var/spool/mqueue", "/var/spool/mqueue-client"],
}
KEYS = [
    "/etc/ssl/private",
    "/etc/letsencrypt",
    "/etc/dkimkeys",
    "/etc/exim4/*.private",
    "/etc/dovecot/private",
    "/etc/postfix/*.key",
    "/etc/ssh/ssh_host_*_key",
    "/var/lib/rspamd/dkim",
]


def backup_paths(what: list[str], mail: dict[str, Any], dovecot: str) -> list[str]:
    """Patterns, most of which match nothing on a given host. `dovecot` is where it says that it keeps mail."""
    found = list(CONFIGURATION) if "configuration" in what else []
    if "keys" in what:
        found += KEYS if "configuration" not in what else KEYS[-1:]
    if "mailboxes" in what:
        found += MAIL + mailbox_patterns(dovecot) + mailbox_patterns(_postfix(mail))
    if "queue" in what:
        found += QUEUES.get(mail["mta"], [])
    return list(dict.fromkeys(found))


def backup_exclusions(what: list[str]) -> list[str]:
    """Its own password is of no use inside of what it opens; keys are left out where only the configuration is wanted."""
    own = ["/etc/auditor/backup.secret", "/etc/auditor/backup.key"]
    return own + ([] if "keys" in what else KEYS)


def _postfix(mail: dict[str, Any]) -> str:
    main = mail.get("config", {}).get("main", {}) if mail["mta"] == "postfix" else {}
    home = main.get("home_mailbox", "")
    return "\n".join([main.get("virtual_mailbox_base", ""), f"~/{home}" if home else "", main.get("mail_spool_directory", "")])


def mailbox_patterns(said: str) -> list[str]:
    """Paths in a mail_location or mail_path: what stands before the first variable, and homes by a pattern."""
    found = []
    for word in re.findall(r"(?:~|%h|%\{home\}|/)[^:\s=]*", said):
        head = re.split(r"%(?!h|\{home\})", word)[0]
        home = re.match(r"(?:~|%h|%\{home\})/(.+)", head)
        if home:
            found += [f"{base}/{home.group(1).rstrip('/')}" for base in ("/home/*", "/root")]
        elif head.startswith("/") and len(folder := head.rpartition("/")[0] if head != word else head.rstrip("/")) > 1:
            found.append(folder)
    return list(dict.fromkeys(found))


class FilterModule:
    """Filters of the playbooks."""

    def filters(self) -> dict[str, Any]:
        return {"backup_paths": backup_paths, "backup_exclusions": backup_exclusions}
