"""A logged-in user sends under his own addresses only.

Without it one stolen password sends as the managing director, and DKIM signs it.
"""

from auditor.evidence.mta_settings import MtaSettings, takes_logins
from auditor.evidence.opensmtpd import login_listeners
from auditor.evidence.postfix import PostfixSettings, login_doors, split_list
from auditor.evidence.sendmail import SendmailSettings
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


def judge(settings: MtaSettings) -> Verdict:
    """By each program's own rule for it."""
    if not takes_logins(settings):
        return NotApplicable("nobody can log in to send")
    if settings.postfix:
        return _judge_postfix(settings.postfix)
    if settings.opensmtpd:
        doors = login_listeners(settings.opensmtpd)
        loose = tuple({"listen": line[:120]} for line in doors if " senders " not in line)
        if loose:
            return Failed(f"{len(loose)} listeners let a user send as anybody", loose)
        return Passed("senders are bound to logins")
    if settings.exim:
        bound = settings.exim.binds_senders
        return Passed("senders are bound to logins") if bound else Failed("a user may send as anybody")
    return _judge_sendmail(settings.sendmail or SendmailSettings())


def _judge_sendmail(sendmail: SendmailSettings) -> Verdict:
    if sendmail.binds_senders:
        return Passed("senders are bound to logins")
    if sendmail.milters:
        return Inconclusive(
            "a milter may bind senders to logins, and what it does is not told from here", Reason.UNSUPPORTED
        )
    return Failed("a user may send as anybody")


def _judge_postfix(postfix: PostfixSettings) -> Verdict:
    loose = []
    for door in login_doors(postfix):
        words = split_list(postfix.get("smtpd_sender_restrictions", door))
        bound = any(
            word.startswith(("reject_sender_login_mismatch", "reject_authenticated_sender")) for word in words
        )
        if not (bound and postfix.get("smtpd_sender_login_maps", door)):
            loose.append(
                {
                    "service": door.name,
                    "smtpd_sender_login_maps": postfix.get("smtpd_sender_login_maps", door),
                }
            )
    if loose:
        return Failed(
            "a user may send as anybody on " + ", ".join(str(row["service"]) for row in loose), tuple(loose)
        )
    return Passed("senders are bound to logins")


CHECK = Check.of(
    judge,
    family=Family.ACCESS,
    severity=Severity.HIGH,
    remedy=ByHand(
        "Postfix: name the login of each address in `smtpd_sender_login_maps` and set "
        "`smtpd_sender_restrictions=reject_sender_login_mismatch` for submission and submissions "
        "(`postconf -P`). Exim: `!senders` with a look-up by $authenticated_id in acl_smtp_predata. OpenSMTPD: `senders <table>` "
        "at each listener with `auth`. Sendmail: a rule in Local_check_rcpt that compares $&{auth_authen} with $&f "
        "(Local_check_mail is not asked for logins where delay_checks is set)"
    ),
    runbook="outbound-spam",
    references=("postconf(5), reject_sender_login_mismatch", "RFC 6409 6.1"),
)
