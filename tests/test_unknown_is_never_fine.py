"""What could not be seen is unknown, with its reason: no check of mail servers from outside passes or fails on it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from auditor.model import Declared, Reason, Status
from auditor.net import CannotLook
from auditor.registry import load
from tests.mail_server import MailServer, network
from tests.scanning import HOST, OPTIONS, find
from tests.scripted import ScriptedNetwork
from tests.test_unknown_is_never_fine_dns import CHECKS as DNS_CHECKS
from tests.test_unknown_is_never_fine_dns import MAY_BE_ABSENT
from tests.test_unknown_is_never_fine_inside import INSIDE

Weather = Callable[[], ScriptedNetwork]


def everywhere(failure: CannotLook) -> ScriptedNetwork:
    return network(
        smtp=failure, p587=failure, p465=failure, p143=failure, p110=failure, p993=failure, p995=failure
    )


def unresolved(reason: Reason) -> ScriptedNetwork:
    here = network(smtp=MailServer())
    failure = CannotLook(reason, "the resolver")
    here.resolver.table = {(name, kind): failure for name in ("mx1.example.org",) for kind in ("A", "AAAA")}
    return here


def greets(banner: str) -> ScriptedNetwork:
    def server() -> MailServer:
        return MailServer(banner=banner)

    return network(
        smtp=server(),
        p587=server(),
        p465=server(),
        p143=server(),
        p110=server(),
        p993=server(),
        p995=server(),
    )


def answers(reply: str) -> ScriptedNetwork:
    return network(smtp=MailServer(rcpt=lambda *_: reply))


NO_SESSION: dict[str, tuple[Weather, Reason]] = {
    "port filtered": (lambda: everywhere(CannotLook(Reason.TIMEOUT, "no answer")), Reason.TIMEOUT),
    "no route": (lambda: everywhere(CannotLook(Reason.UNREACHABLE, "no route")), Reason.UNREACHABLE),
    "reset": (lambda: everywhere(CannotLook(Reason.CONNECTION_LOST, "reset")), Reason.CONNECTION_LOST),
    "DNS time-out": (lambda: unresolved(Reason.TIMEOUT), Reason.TIMEOUT),
    "DNS SERVFAIL": (lambda: unresolved(Reason.SERVFAIL), Reason.SERVFAIL),
    "DNS refused": (lambda: unresolved(Reason.DNS_REFUSED), Reason.DNS_REFUSED),
}
BANNED: dict[str, tuple[Weather, Reason]] = {
    "every mail port refused": (lambda: everywhere(CannotLook(Reason.REFUSED, "refused")), Reason.UNREACHABLE)
}
"""What fail2ban looks like: nothing tells its rejection from a port at which nobody listens."""
SMTP_GREETING: dict[str, tuple[Weather, Reason]] = {
    "port 25 closed": (lambda: network(smtp=CannotLook(Reason.REFUSED, "refused")), Reason.REFUSED),
    "421 at once": (lambda: greets("421 4.3.2 too many connections"), Reason.RATE_LIMITED),
    "450 at once": (lambda: greets("450 4.3.2 come back"), Reason.TEMPFAIL),
    "554 at once": (lambda: greets("554 5.7.1 not you"), Reason.PROBER_REFUSED),
    "silence": (lambda: greets(""), Reason.TIMEOUT),
    "another protocol": (lambda: greets("SSH-2.0-OpenSSH"), Reason.PROTOCOL),
}
AT_RCPT: dict[str, tuple[Weather, Reason]] = {
    "greylisted": (lambda: answers("450 4.2.0 Greylisted"), Reason.GREYLISTED),
    "421 at RCPT": (lambda: answers("421 4.7.0 bye\nHANGUP"), Reason.RATE_LIMITED),
    "hang-up at RCPT": (lambda: answers("HANGUP"), Reason.CONNECTION_LOST),
    "tarpit at RCPT": (lambda: answers(""), Reason.TIMEOUT),
    "refused by a blocklist": (lambda: answers("554 5.7.1 blocked using bl.example"), Reason.PROBER_REFUSED),
}
NO_TLS: dict[str, tuple[Weather, Reason]] = {
    reason.value: (
        lambda reason=reason: network(smtp=MailServer(handshake=CannotLook(reason, "no session"))),
        reason,
    )
    for reason in (Reason.TLS_FAILED, Reason.TIMEOUT, Reason.CONNECTION_LOST)
}

RELAY = ("relay-closed", "relay-rewritten-closed")
ROLES = (
    "postmaster-accepted",
    "abuse-accepted",
    "hostmaster-accepted",
    "security-accepted",
    "null-sender-accepted",
    "unknown-recipient-refused",
)
SESSION = (
    "smtp-transaction-completes",
    "recipients-not-enumerable",
    "banner-discreet",
    "starttls-offered",
    "starttls-injection-refused",
    "early-talker-refused",
)
TLS = ("tls-protocols-modern", "tls-certificate-valid", "tls-certificate-fresh", "tls-key-strong")
ACCESS = (
    "auth-after-tls-only",
    "submission-available",
    "relay-submission-closed",
    "imap-login-after-tls-only",
    "pop3-login-after-tls-only",
)
WITH_CONSENT = ("bare-newline-refused",)
"""Asked only with --canary."""
IN_NO_MATRIX = {
    "contact-sheet-complete": "asks nobody: it judges what the inventory says",
    "dkim-key-matches-signer": "needs a host's inside and the DNS: tests/checks/test_keys_inside.py",
}


def matrix(checks: tuple[str, ...], weathers: dict[str, tuple[Weather, Reason]]) -> list[object]:
    return [
        pytest.param(check, weather, reason, id=f"{name}: {check}")
        for name, (weather, reason) in weathers.items()
        for check in checks
    ]


@pytest.mark.parametrize(
    ("check", "weather", "reason"),
    [
        *matrix((*RELAY, *ROLES, *SESSION, *TLS, *ACCESS, *WITH_CONSENT), NO_SESSION),
        *matrix((*RELAY, *ROLES, *SESSION, *WITH_CONSENT), SMTP_GREETING),
        *matrix((*RELAY, *ROLES, "smtp-transaction-completes", *WITH_CONSENT), AT_RCPT),
        *matrix((*TLS, "starttls-injection-refused"), NO_TLS),
        *matrix(ACCESS[1:], BANNED),
    ],
)
async def test_what_could_not_be_seen_is_unknown(check: str, weather: Weather, reason: Reason):
    host = replace(HOST, declared=Declared(roles=("mx", "submission", "mailbox")))
    options = replace(OPTIONS, canary="canary@example.org" if check in WITH_CONSENT else None)
    finding = await find(check, weather(), host=host, options=options)
    assert (finding.status, finding.reason) == (Status.UNKNOWN, reason), finding.summary
    assert finding.summary


def test_every_check_stands_in_a_matrix_of_what_may_be_lost():
    outside = {*RELAY, *ROLES, *SESSION, *TLS, *ACCESS, *WITH_CONSENT}
    inside = {check.id for check in INSIDE}
    by_name = {*DNS_CHECKS, *MAY_BE_ABSENT}
    assert load().checks.keys() - outside - inside - by_name == IN_NO_MATRIX.keys()


@pytest.mark.parametrize("check", ACCESS[1:])
async def test_a_ban_is_not_taken_for_a_host_that_serves_no_users(check: str):
    refused = everywhere(CannotLook(Reason.REFUSED, "refused"))
    finding = await find(check, refused, host=replace(HOST, declared=Declared()))
    assert (finding.status, finding.reason) == (Status.UNKNOWN, Reason.UNREACHABLE)
    assert "fail2ban" in finding.summary


@pytest.mark.parametrize("check", ["relay-submission-closed", "imap-login-after-tls-only"])
async def test_a_host_that_is_declared_to_send_only_may_refuse_every_mail_port(check: str):
    refused = everywhere(CannotLook(Reason.REFUSED, "refused"))
    finding = await find(check, refused, host=replace(HOST, declared=Declared(roles=("null-client",))))
    assert finding.status is Status.NOT_APPLICABLE


async def test_one_port_that_answers_makes_a_refusal_at_another_one_believed():
    here = network(p587=MailServer())  # what is not named refuses
    assert (await find("relay-submission-closed", here)).status is Status.PASSED
