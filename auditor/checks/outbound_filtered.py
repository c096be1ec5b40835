"""Mail of logged-in users passes a filter for spam.

What comes in is filtered nearly everywhere, what goes out hardly anywhere: so the first to notice a stolen account are those who
receive its spam, and their blocklists. The filter has to stand at the door where users log in: one on port 25 alone
never sees their mail. Signers and policy services (OpenDKIM, postgrey) are no filters, and a virus scanner is none
for spam, which carries no virus: all servers of incident 000 had one, and it said nothing.
"""

from auditor.evidence.mta_settings import MtaSettings, takes_logins
from auditor.evidence.outbound_helpers import login_helpers
from auditor.evidence.units import MailHelpers
from auditor.model import (
    ByHand,
    Check,
    Failed,
    Family,
    Inconclusive,
    NotApplicable,
    Passed,
    Reason,
    Severity,
    Verdict,
)

FILTERS = ("rspamd", "amavis", "spamass", "spamd", "mimedefang", "dspam", "bogofilter")
"""Beginnings of unit and filter names."""
SCANNERS = ("clamav", "clamd", "clamsmtp")
NO_FILTERS = (
    "opendkim",
    "opendmarc",
    "dkim",
    "postgrey",
    "postfwd",
    "policyd",
    "dovecot",
    "postsrsd",
    "sender",
)


def judge(settings: MtaSettings, helpers: MailHelpers) -> Verdict:
    """Exim filters in its own rules; the others through milters, content filters and filter programs."""
    if not takes_logins(settings):
        return NotApplicable("nobody can log in to send")
    if settings.exim and settings.exim.scans:
        return Passed("a rule has messages looked through for spam")
    asked = {} if settings.exim else login_helpers(settings, helpers)
    found = [name for name, socket in asked.items() if _is(FILTERS, name, socket)]
    if found:
        return Passed(f"mail of logged-in users passes {', '.join(found)}")
    others = [name for name, socket in asked.items() if not _is(NO_FILTERS + SCANNERS, name, socket)]
    if others:
        return Inconclusive(
            f"{others[0]} may be a filter; what it does is not known here", Reason.UNSUPPORTED
        )
    if (settings.exim and settings.exim.scans_viruses) or any(_is(SCANNERS, *one) for one in asked.items()):
        return Failed("only a virus scanner looks at mail of logged-in users, and spam carries no virus")
    return Failed("mail of logged-in users goes out unfiltered")


def _is(names: tuple[str, ...], *words: str) -> bool:
    return any(name in word.lower() for name in names for word in words)


CHECK = Check.of(
    judge,
    family=Family.MTA,
    severity=Severity.MEDIUM,
    remedy=ByHand(
        "Install rspamd and redis-server. Postfix: `postconf -e smtpd_milters=inet:127.0.0.1:11332 milter_default_action=tempfail` "
        "and no `-o smtpd_milters=` for submission and submissions. Sendmail: INPUT_MAIL_FILTER on port 11332 with F=T. OpenSMTPD: "
        "opensmtpd-filter-rspamd on the listener with auth. Exim: `spam = nobody:true` in the DATA ACL, "
        "also for authenticated clients. Let it defer or hold what it finds, and tell postmaster."
    ),
    runbook="outbound-spam",
    references=("M3AAWG Sender Best Common Practices", "RFC 5068 section 6"),
)
