"""Mail for strangers, at servers in memory: every hole of the measured matrix, and every known false alarm."""

from dataclasses import replace

import pytest

from auditor.model import Declared, Reason, Severity, Status
from auditor.net import CannotLook
from tests.mail_server import MailServer, hosts, network
from tests.scanning import HOST, OPTIONS, find

LOCAL = hosts("postmaster@example.org")


def accepts(hole):
    """The usual server, with one hole: (helo, sender, recipient) -> bool."""
    return lambda helo, sender, recipient, tls: (
        "250 Ok" if hole(helo, sender, recipient) else LOCAL(helo, sender, recipient, tls)
    )


async def test_a_server_that_refuses_strangers_passes():
    server = MailServer()
    finding = await find("relay-closed", network(smtp=server))
    assert finding.status is Status.PASSED
    assert "DATA" not in server.log
    assert server.log.count("QUIT") == server.connections


async def test_a_server_that_takes_anything_fails_with_the_first_hole_in_the_summary():
    finding = await find("relay-closed", network(smtp=MailServer(rcpt=accepts(lambda *_: True))))
    assert (finding.status, finding.severity) == (Status.FAILED, Severity.CRITICAL)
    assert "auditor-0123456789ab@scanner.example.net" in finding.summary
    assert "198.51.100.10 port 25" in finding.summary
    assert finding.observed[0]["vector"] == "R01"


async def test_a_rule_that_trusts_the_ehlo_name_is_found():
    server = MailServer(rcpt=accepts(lambda helo, *_: helo == "example.org"))
    finding = await find("relay-closed", network(smtp=server))
    assert finding.status is Status.FAILED
    assert {fact["vector"] for fact in finding.observed} == {"R50"}


async def test_a_hole_that_is_open_only_within_tls_is_found():
    server = MailServer(rcpt=lambda h, s, r, tls: "250 Ok" if tls else LOCAL(h, s, r, tls))
    finding = await find("relay-closed", network(smtp=server))
    assert finding.status is Status.FAILED
    assert all(fact["tls"] for fact in finding.observed)


async def test_a_refusal_that_says_later_is_a_refusal_and_is_noted():
    server = MailServer(rcpt=hosts("postmaster@example.org", relay="454 4.7.1 Relay access denied"))
    finding = await find("relay-closed", network(smtp=server))
    assert finding.status is Status.PASSED
    assert "454" in finding.summary


async def test_being_told_to_use_starttls_is_no_refusal_but_asked_again_within_tls():
    def rcpt(helo, sender, recipient, tls):
        return "250 Ok" if tls else "530 5.7.0 Must issue a STARTTLS command first"

    finding = await find("relay-closed", network(smtp=MailServer(rcpt=rcpt)))
    assert finding.status is Status.FAILED


async def test_being_told_to_use_starttls_that_fails_leaves_the_question_open():
    server = MailServer(
        rcpt=lambda *_: "530 5.7.0 Must issue a STARTTLS command first",
        handshake=CannotLook(Reason.TLS_FAILED, "handshake failed"),
    )
    finding = await find("relay-closed", network(smtp=server))
    assert (finding.status, finding.reason) == (Status.UNKNOWN, Reason.TLS_FAILED)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("450 4.2.0 Greylisted", Reason.GREYLISTED),
        ("451 4.3.0 try later", Reason.TEMPFAIL),
        ("421 4.7.0 too many errors\nHANGUP", Reason.RATE_LIMITED),
        ("554 5.7.1 Client host [203.0.113.10] blocked using bl.example", Reason.PROBER_REFUSED),
        ("554 5.7.1 <x>: Access denied", Reason.PROBER_REFUSED),
        ("556 5.1.10 null MX", Reason.PROBER_REFUSED),
        ("HANGUP", Reason.CONNECTION_LOST),
        ("", Reason.TIMEOUT),
    ],
)
async def test_an_answer_that_is_none_is_unknown_with_its_reason(reply: str, reason: Reason):
    finding = await find("relay-closed", network(smtp=MailServer(rcpt=lambda *_: reply)))
    assert (finding.status, finding.reason) == (Status.UNKNOWN, reason)


@pytest.mark.parametrize(
    ("declared", "ours"),
    [
        (Declared(trusted_networks=("203.0.113.0/24",)), None),
        (Declared(trusted_networks=("2001:db8::/32", "203.0.113.10")), None),
    ],
)
async def test_a_scan_from_a_trusted_network_says_so_and_tries_nothing(declared: Declared, ours: None):
    server = MailServer(rcpt=accepts(lambda *_: True))
    finding = await find("relay-closed", network(smtp=server), host=replace(HOST, declared=declared))
    assert (finding.status, finding.reason) == (Status.UNKNOWN, Reason.TRUSTED_VANTAGE)
    assert not any("scanner.example.net>" in line and line.startswith("RCPT") for line in server.log)


async def test_who_vouches_for_the_vantage_is_believed():
    host = replace(HOST, declared=Declared(trusted_networks=("203.0.113.0/24",)))
    server = MailServer()
    options = replace(OPTIONS, assume_outside=True)
    finding = await find("relay-closed", network(smtp=server), host=host, options=options)
    assert finding.status is Status.PASSED


async def test_a_scan_of_the_machine_itself_says_so():
    host = replace(HOST, addresses=("203.0.113.10",))
    finding = await find("relay-closed", network(smtp=MailServer()), host=host)
    assert (finding.status, finding.reason) == (Status.UNKNOWN, Reason.TRUSTED_VANTAGE)


async def test_with_a_canary_an_accepted_recipient_is_confirmed_by_a_message():
    server = MailServer(rcpt=accepts(lambda *_: True))
    options = replace(OPTIONS, canary="canary@collector.example")
    finding = await find("relay-closed", network(smtp=server), options=options)
    assert finding.status is Status.FAILED
    assert "queued as 4F" in str(finding.observed[0]["reply"])
    assert 1 <= server.log.count("DATA") <= 3
    assert "Auto-Submitted: auto-generated" in server.log


async def test_a_filter_that_refuses_the_message_itself_closes_the_relay():
    server = MailServer(rcpt=accepts(lambda *_: True), data="550 5.7.1 no")
    options = replace(OPTIONS, canary="canary@collector.example")
    finding = await find("relay-rewritten-closed", network(smtp=server), options=options)
    assert not any("550 5.7.1" in str(fact["reply"]) for fact in finding.observed), (
        "a refused message is no hole"
    )


async def test_a_canary_in_the_hosted_domain_is_not_mistaken_for_a_stranger():
    server = MailServer(rcpt=hosts("postmaster@example.org", "canary@example.org"))
    options = replace(OPTIONS, canary="canary@example.org")
    finding = await find("relay-closed", network(smtp=server), options=options)
    assert finding.status is Status.PASSED


async def test_a_scanner_named_in_the_hosted_domain_does_not_use_its_name_as_the_stranger():
    """Postfix takes mail for subdomains of relay_domains: that is no relay."""
    server = MailServer(
        rcpt=lambda h, s, r, tls: "250 Ok" if r.endswith("example.org>") else LOCAL(h, s, r, tls)
    )
    options = replace(OPTIONS, helo="desk.example.org")
    finding = await find("relay-closed", network(smtp=server), options=options)
    assert finding.status is Status.PASSED


async def test_a_server_that_hangs_up_on_one_form_is_asked_the_rest_on_a_new_connection():
    def rcpt(helo, sender, recipient, tls):
        if "%" in recipient:
            return "HANGUP"
        return "250 Ok" if helo == "example.org" else LOCAL(helo, sender, recipient, tls)

    finding = await find("relay-closed", network(smtp=MailServer(rcpt=rcpt)))
    assert finding.status is Status.FAILED


async def test_every_form_is_tried_with_thorough():
    server = MailServer()
    options = replace(OPTIONS, thorough=True)
    finding = await find("relay-rewritten-closed", network(smtp=server), options=options)
    assert finding.status is Status.PASSED
    recipients = {line for line in server.log if line.startswith("RCPT")}
    assert len(recipients) == 34
    assert 'RCPT TO:<"auditor-0123456789ab@scanner.example.net"@example.org>' in recipients


async def test_a_server_that_takes_one_ehlo_only_is_asked_on_a_new_connection():
    server = MailServer(rcpt=accepts(lambda helo, *_: helo == "example.org"), one_hello=True)
    finding = await find("relay-closed", network(smtp=server))
    assert finding.status is Status.FAILED
    assert {fact["vector"] for fact in finding.observed} == {"R50"}


async def test_a_server_that_refuses_its_own_domain_as_ehlo_name_is_closed_to_it():
    refusal = "550 5.7.1 Helo command rejected: you are not me"
    server = MailServer(verbs={"EHLO example.org": refusal, "HELO example.org": refusal})
    finding = await find("relay-closed", network(smtp=server))
    assert finding.status is Status.PASSED


async def test_a_server_that_refuses_our_ehlo_name_has_not_been_asked():
    refusal = "550 5.7.1 Helo command rejected: need fully-qualified hostname"
    server = MailServer(verbs={"EHLO": refusal, "HELO": refusal})
    finding = await find("relay-closed", network(smtp=server))
    assert (finding.status, finding.reason) == (Status.UNKNOWN, Reason.PROBER_REFUSED)
