"""Administrators log in with keys.

Passwords over SSH are guessed day and night, on every address of the internet, and the administrator's opens
every mailbox at once.
"""

from auditor.evidence.system import SshDaemon
from auditor.model import Check, Failed, Family, Passed, Playbook, Severity, Verdict


def judge(sshd: SshDaemon) -> Verdict:
    """No password, no keyboard-interactive, no empty password, and root at most with a key."""
    wrong = {
        "PasswordAuthentication": {"no"},
        "KbdInteractiveAuthentication": {"no"},
        "PermitEmptyPasswords": {"no"},
        "PermitRootLogin": {"no", "prohibit-password", "without-password", "forced-commands-only"},
    }
    bad = tuple(
        {"setting": name, "value": sshd.get(name.lower())}
        for name, fine in wrong.items()
        if sshd.get(name.lower()) not in fine
    )
    if bad:
        return Failed(
            "SSH is not held to keys: " + ", ".join(f"{row['setting']} {row['value']}" for row in bad), bad
        )
    return Passed("SSH takes keys only")


CHECK = Check.of(
    judge,
    family=Family.ACCESS,
    severity=Severity.HIGH,
    remedy=Playbook("ssh"),
    runbook="host-compromise",
    references=("sshd_config(5)",),
)
