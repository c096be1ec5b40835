"""No account of the host has a default name and a password.

"Administrator", "admin" or "test" with a password is what an installation left behind, and the first thing that is guessed: one
such account sends a night's spam with a valid login. Where it is still there, the other defaults mostly are too
(incident 002). Looked at are system accounts, the password files of Dovecot and Exim, and the database of SASL;
accounts in a directory or an SQL database are not.
"""

from auditor.evidence.accounts import DefaultAccounts
from auditor.model import ByHand, Check, Failed, Family, Passed, Severity, Verdict


def judge(accounts: DefaultAccounts) -> Verdict:
    """A locked password is none."""
    rows = tuple({"account": name, "in": place} for place, name in accounts.found)
    if rows:
        return Failed("somebody may log in as " + ", ".join(row["account"] for row in rows[:5]), rows)
    note = f" (those in {', '.join(accounts.elsewhere)} were not looked at)" if accounts.elsewhere else ""
    return Passed(f"no default account with a password{note}")


CHECK = Check.of(
    judge,
    family=Family.ROLES,
    severity=Severity.MEDIUM,
    remedy=ByHand(
        "Find out who uses the account (`journalctl -g ACCOUNT`, `lastlog -u ACCOUNT`). If nobody does: `usermod -L -e 1 ACCOUNT` "
        "for a system account, or delete its line from the file that is named, and reload Dovecot. If somebody does, "
        "give that person an account of their own name first."
    ),
    runbook="contacts",
    references=("CWE-1392", "NIST SP 800-123 section 4.2.2"),
)
