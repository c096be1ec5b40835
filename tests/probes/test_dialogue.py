"""Servers that mean harm, on real sockets: every one ends in bounded time and memory, as CannotLook."""

import asyncio
import time
import tracemalloc

import pytest

from auditor.evidence.smtp import Door
from auditor.model import Options, Reason
from auditor.net import CannotLook
from auditor.probes._call import Call, transact
from auditor.probes._dialogue import Pace, Visit
from auditor.probes._transactions import Envelope
from auditor.probes._visiting import Plan, look_in
from auditor.transport.network import RealNetwork
from tests.mail_server import MailServer, network
from tests.scripted import ScriptedNetwork, ScriptedResolver
from tests.transport.loopback import serving

ENVELOPE = Envelope(sender="<a@example.net>", recipient="<b@example.org>", helo="c.example.net")


def envelopes(number: int) -> list[Envelope]:
    """Different ones, for none is asked twice."""
    return [
        Envelope(sender="<a@example.net>", recipient=f"<{n}@example.org>", helo="c.example.net")
        for n in range(number)
    ]


def visit(port: int, timeout: float = 0.3) -> Visit:
    options = Options(timeout=timeout, helo="c.example.net", ports=((25, port),))
    return Visit(RealNetwork(ScriptedResolver({}), timeout=timeout), options, "127.0.0.1", 25, "mx.lab.test")


async def hold_session(visit: Visit, envelope: Envelope | None = None) -> Door:
    return (await look_in(visit, Plan(envelope=envelope))).door


def says(*chunks: bytes, again: bytes = b"", every: float = 0.0):
    """Writes the chunks, then `again` for ever."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for chunk in chunks:
            writer.write(chunk)
        await writer.drain()
        while again:
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(every)
        await reader.read()

    return handler


@pytest.mark.parametrize(
    ("name", "handler", "reason"),
    [
        ("endless banner", says(again=b"x" * 65_536), Reason.PROTOCOL),
        ("endless multi-line banner", says(again=b"220-welcome\r\n"), Reason.PROTOCOL),
        ("one line of any length", says(b"220 ", again=b"A" * 1_000_000), Reason.PROTOCOL),
        ("NUL and escapes for a banner", says(b"\x00\x1b[2J\r\n"), Reason.PROTOCOL),
        ("a byte a minute", says(b"2", again=b"2", every=60), Reason.TIMEOUT),
        ("silence", says(), Reason.TIMEOUT),
        ("another protocol", says(b"SSH-2.0-OpenSSH_9.2p1\r\n"), Reason.PROTOCOL),
        ("no service", says(b"554 5.7.1 go away\r\n"), Reason.PROBER_REFUSED),
        ("not now", says(b"450 4.3.2 come back\r\n"), Reason.TEMPFAIL),
        ("something in between", says(b"354 what\r\n"), Reason.PROTOCOL),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_hostile_greeting_ends_soon_and_small(name: str, handler, reason: Reason):
    async with serving(handler) as port:
        tracemalloc.start()
        started = time.monotonic()
        door = await hold_session(visit(port))
        took, (_, peak) = time.monotonic() - started, tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert getattr(door.session, "reason", None) is reason
    assert took < 3
    assert peak < 20_000_000


async def test_a_tarpit_that_feeds_one_line_at_a_time_ends_by_the_clock_of_the_reply():
    async with serving(says(again=b"220-wait\r\n", every=0.05)) as port:
        started = time.monotonic()
        door = await hold_session(visit(port))
        assert time.monotonic() - started < 3
    assert getattr(door.session, "reason", None) is Reason.TIMEOUT


async def test_a_server_slow_in_every_reply_ends_by_the_clock_of_the_conversation():
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        while await reader.readline():
            await asyncio.sleep(0.25)
            writer.write(b"250 ok\r\n")

    async with serving(slow) as port:
        started = time.monotonic()
        transactions = await transact(visit(port), envelopes(50))
        assert time.monotonic() - started < 12
    assert len(transactions) == 50
    assert getattr(transactions[-1].decisive, "reason", None) in {Reason.TIMEOUT, Reason.CONNECTION_LOST}


async def test_garbage_in_the_handshake_leaves_what_was_seen_before():
    async def starttls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        while line := await reader.readline():
            if line.startswith(b"EHLO"):
                writer.write(b"250-mx\r\n250 STARTTLS\r\n")
            elif line.startswith(b"STARTTLS"):
                writer.write(b"220 go\r\n" + b"\xff" * 4_096)
            else:
                writer.write(b"250 ok\r\n")

    async with serving(starttls) as port:
        door = await hold_session(visit(port), envelope=ENVELOPE)
    session = door.session
    assert session.banner.code == 220
    assert session.transaction.rcpt.code == 250
    assert session.tls.reason is Reason.TLS_FAILED
    assert session.ended == session.tls


async def test_hanging_up_in_the_middle_keeps_what_was_seen_before():
    door = await hold_session(
        Visit(network(smtp=MailServer(hangs_up_after=2)), Options(timeout=1), "198.51.100.10", 25, "mx"),
        envelope=ENVELOPE,
    )
    assert door.session.hello.positive
    assert door.session.transaction.decisive.reason is Reason.CONNECTION_LOST


async def test_too_many_connections_are_answered_by_waiting_longer_each_time():
    server = MailServer(banner="421 4.3.2 Connection rate limit exceeded.")
    here = network(smtp=server)
    visit_ = Visit(here, Options(timeout=60), "198.51.100.10", 25, "mx1.example.org")
    with pytest.raises(CannotLook) as failure:
        async with visit_.dialogue():
            pass
    assert failure.value.reason is Reason.RATE_LIMITED
    assert server.connections == 3
    assert here.slept == [10.0, 20.0]


async def test_a_host_is_waited_for_half_a_minute_in_one_scan_and_by_all_probes_together():
    """Sendmail counts the connections that it refuses, too: eight probes that come back one by one never get in."""
    server = MailServer(banner="421 4.3.2 Connection rate limit exceeded.")
    here = network(smtp=server)
    visits = [Visit(here, Options(timeout=1), f"198.51.100.{n}", 25, "mx1.example.org") for n in range(8)]
    doors = [await hold_session(v) for v in visits]
    assert {door.session.reason for door in doors} == {Reason.RATE_LIMITED}
    assert sum(here.slept) == 30
    assert server.connections == 3 + 7


async def test_probes_that_are_told_to_wait_wait_together():
    over = asyncio.Event()

    class Patient(ScriptedNetwork):
        async def sleep(self, seconds: float) -> None:
            self.slept.append(seconds)
            await over.wait()
            server.banner = "220 mx1.example.org ESMTP"

    server = MailServer(banner="421 4.3.2 Connection rate limit exceeded.")
    here = Patient(dial=lambda address, port: server.stream())
    visits = [Visit(here, Options(timeout=1), "198.51.100.10", 25, "mx1.example.org") for _ in range(3)]
    asked = [asyncio.ensure_future(hold_session(v)) for v in visits]
    await asyncio.sleep(0)
    over.set()
    doors = await asyncio.gather(*asked)
    assert [door.session.hello.code for door in doors] == [250, 250, 250]
    assert here.slept == [10.0]


async def test_a_reply_that_was_not_asked_for_is_noticed():
    server = MailServer(verbs={"RSET": "250 ok\n250 and another"})
    talk = Visit(network(smtp=server), Options(timeout=1), "198.51.100.10", 25, "mx1.example.org")
    (first, second) = await transact(talk, envelopes(2))
    assert first.decisive.code == 550
    assert isinstance(second.decisive.reason, Reason)


async def test_helo_is_said_where_ehlo_is_not_known():
    server = MailServer(verbs={"EHLO": "502 unknown"})
    door = await hold_session(
        Visit(network(smtp=server), Options(timeout=1), "198.51.100.10", 25, "mx"), envelope=ENVELOPE
    )
    assert any(line.startswith("HELO") for line in server.log)
    assert door.session.hello.positive
    assert not door.session.offers_starttls


async def test_a_pipeline_is_used_where_it_is_offered_and_given_up_where_it_breaks():
    server = MailServer(rcpt=lambda h, s, r, tls: "" if "odd" in r else "550 5.7.1 no")
    odd = Envelope(sender="<a@example.net>", recipient="<odd@example.org>", helo="c.example.net")
    talk = Visit(network(smtp=server), Options(timeout=1), "198.51.100.10", 25, "mx1.example.org")
    first, second, third = await transact(talk, [ENVELOPE, odd, *envelopes(1)])
    assert first.decisive.code == third.decisive.code == 550
    assert second.decisive.reason is Reason.TIMEOUT


async def test_a_server_that_forgives_few_errors_is_asked_in_smaller_portions():
    """smtpd_hard_error_limit = 6: the seventh refusal on one connection ends it with 421."""
    refusals = 0

    def rcpt(helo: str, sender: str, recipient: str, tls: bool) -> str:
        nonlocal refusals
        refusals += 1
        return "421 4.7.0 too many errors\nHANGUP" if refusals % 6 == 0 else "550 5.7.1 no"

    talk = Visit(
        network(smtp=MailServer(rcpt=rcpt)), Options(timeout=1), "198.51.100.10", 25, "mx1.example.org"
    )
    outcomes = await transact(talk, envelopes(5))
    assert [getattr(outcome.decisive, "code", None) for outcome in outcomes] == [550] * 5


async def test_a_server_that_waits_before_each_reply_after_three_errors_is_asked_two_per_connection_from_then_on():
    """smtpd_soft_error_limit = 3: from the third error on, one second before every line."""
    connections: list[int] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        errors, mine = 0, len(connections)
        connections.append(0)
        writer.write(b"220 mx\r\n")
        while line := await reader.readline():
            if errors >= 3:
                await asyncio.sleep(1)
            verb = line[:4]
            writer.write(
                {b"EHLO": b"250-mx\r\n250 PIPELINING\r\n", b"RCPT": b"554 5.7.1 no\r\n"}.get(
                    verb, b"250 ok\r\n"
                )
            )
            errors += verb == b"RCPT"
            connections[mine] = errors

    async with serving(handler) as port:
        pace = Pace()
        outcomes = await transact(visit(port, timeout=5), envelopes(8), pace=pace)
    assert [outcome.decisive.code for outcome in outcomes] == [554] * 8
    assert connections == [3, 2, 2, 1]
    assert pace.errors == 2


async def test_the_same_question_is_not_asked_twice_at_one_door():
    server = MailServer()
    asked = Visit(network(smtp=server), Options(timeout=1), "198.51.100.10", 25, "mx1.example.org")
    call = Call(asked)
    assert await call.ask([ENVELOPE]) == await call.ask([ENVELOPE])
    await call.leave()
    assert server.log.count(f"RCPT TO:{ENVELOPE.recipient}") == 1


async def test_a_server_that_takes_few_commands_without_mail_is_asked_the_rest_on_another_connection():
    """Exim's smtp_accept_max_nonmail = 10: the next RSET is answered 554, and it hangs up."""
    connections: list[int] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(0)
        writer.write(b"220 mx\r\n")
        while line := await reader.readline():
            connections[-1] += line.startswith(b"RSET")
            if connections[-1] > 10:
                writer.write(b"554 Too many nonmail commands\r\n")
                break
            told = {b"EHLO": b"250-mx\r\n250 PIPELINING\r\n", b"RCPT": b"550 relay not permitted\r\n"}
            writer.write(told.get(line[:4], b"250 OK\r\n"))
        writer.close()

    async with serving(handler) as port:
        outcomes = await transact(visit(port, timeout=5), envelopes(25))
    assert [outcome.decisive.code for outcome in outcomes] == [550] * 25
    assert connections == [11, 10, 4]


async def test_a_server_that_forgives_everything_is_asked_everything_on_one_connection():
    server = MailServer(rcpt=lambda *_: "550 5.7.1 Relaying denied")
    asked = Visit(network(smtp=server), Options(timeout=1), "198.51.100.10", 25, "mx1.example.org")
    outcomes = await transact(asked, envelopes(40))
    assert {outcome.decisive.code for outcome in outcomes} == {550}
    assert server.connections == 1
    assert server.log[-1] == "QUIT"


async def test_a_server_that_wants_less_mail_per_minute_is_waited_for_and_asked_the_same_again():
    """smtpd_client_message_rate_limit: MAIL is answered 450 4.7.1 until the minute is over."""
    server = MailServer(
        mail=lambda *_: "250 Ok" if here.slept else "450 4.7.1 Error: too much mail from 203.0.113.10",
        rcpt=lambda *_: "554 5.7.1 no",
    )
    here = network(smtp=server)
    asked = Visit(here, Options(timeout=1), "198.51.100.10", 25, "mx1.example.org")
    outcomes = await transact(asked, envelopes(4))
    assert [outcome.decisive.code for outcome in outcomes] == [554] * 4
    assert here.slept == [15.0]


async def test_a_server_that_never_wants_more_mail_leaves_the_rest_unseen():
    server = MailServer(mail=lambda *_: "450 4.7.1 Error: too much mail from 203.0.113.10")
    here = network(smtp=server)
    asked = Visit(here, Options(timeout=1), "198.51.100.10", 25, "mx1.example.org")
    outcomes = await transact(asked, envelopes(4))
    assert len(outcomes) == 4
    assert outcomes[-1].decisive.reason is Reason.RATE_LIMITED
    assert sum(here.slept) == 30
