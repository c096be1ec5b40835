"""The resolver against a real server on loopback: what proves something, what does not, and hostile answers."""

import asyncio
import struct
import time

import pytest

from auditor.evidence.dns import Existence
from auditor.model import Reason
from auditor.net import CannotLook
from auditor.transport import dns
from auditor.transport.dns import CachingResolver, read_server, system_servers
from tests.name_server import name_server, respond

SERVFAIL, NXDOMAIN, REFUSED = 2, 3, 5
SOA = "example. 300 IN SOA ns.example. h.example. 1 2 3 4 60"


async def ask(reply, name="example.org", kind="MX", tcp=None, **options):
    async with name_server(reply, tcp) as (server, _):
        resolver = CachingResolver([server], timeout=0.3)
        try:
            return await resolver.ask(name, kind, **options)
        finally:
            await resolver.close()


async def why_not(reply, **options):
    with pytest.raises(CannotLook) as caught:
        await ask(reply, **options)
    return caught.value.reason


async def test_an_answer_carries_records_ttl_and_the_validators_word():
    answer = await ask(lambda q: [respond(q, "example.org. 600 IN MX 10 mx.example.org.", secure=True)])
    assert answer.existence is Existence.FOUND
    assert answer.records == ("10 mx.example.org.",)
    assert (answer.ttl, answer.secure, answer.canonical) == (600, True, "example.org")


async def test_a_cname_chain_is_followed_and_its_end_named():
    answer = await ask(
        lambda q: [
            respond(
                q,
                "example.org. 60 IN CNAME a.example.",
                "a.example. 30 IN CNAME B.example.",
                "b.example. 90 IN A 192.0.2.1",
            )
        ],
        kind="A",
    )
    assert answer.canonical == "b.example"
    assert answer.ttl == 30
    assert answer.records == ("192.0.2.1",)


async def test_nxdomain_and_nodata_are_proven_and_not_the_same():
    assert (await ask(lambda q: [respond(q, rcode=NXDOMAIN)])).existence is Existence.NXDOMAIN
    assert (await ask(lambda q: [respond(q)])).existence is Existence.NODATA


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (lambda q: [respond(q, rcode=SERVFAIL)], Reason.SERVFAIL),
        (lambda q: [respond(q, rcode=REFUSED)], Reason.DNS_REFUSED),
        (lambda q: [respond(q, rcode=4)], Reason.PROTOCOL),
        (lambda _: [], Reason.TIMEOUT),
    ],
)
async def test_what_is_no_answer_says_why(reply, reason):
    assert await why_not(reply) is reason


async def test_a_referral_proves_no_absence():
    """An authoritative server given by mistake as resolver would make every record look absent."""

    def refer(query):
        wire = bytearray(respond(query))
        wire[3] &= 0x7F  # RA off
        return [bytes(wire)]

    assert await why_not(refer) is Reason.DNS_REFUSED


async def test_a_closed_port_is_refused():
    async with name_server(lambda _: []) as (server, _):
        pass
    resolver = CachingResolver([server], timeout=0.3)
    with pytest.raises(CannotLook) as caught:
        await resolver.ask("example.org", "A")
    assert caught.value.reason is Reason.REFUSED
    await resolver.close()


async def test_a_second_server_is_asked_when_the_first_fails():
    async with (
        name_server(lambda q: [respond(q, rcode=SERVFAIL)]) as (bad, _),
        name_server(lambda q: [respond(q, "example.org. 60 IN A 192.0.2.1")]) as (good, _),
    ):
        resolver = CachingResolver([bad, good], timeout=0.3)
        assert (await resolver.ask("example.org", "A")).records == ("192.0.2.1",)
        await resolver.close()


async def test_one_question_goes_out_once_whoever_asks():
    async with name_server(lambda q: [respond(q, "example.org. 60 IN A 192.0.2.1")]) as (server, seen):
        resolver = CachingResolver([server])
        await asyncio.gather(
            *(resolver.ask(name, "A") for name in ("example.org", "EXAMPLE.org.", "example.org"))
        )
        await resolver.ask("example.org", "A")
        assert len(seen) == resolver.questions == 1
        await resolver.close()


async def test_a_failure_is_shared_too():
    async with name_server(lambda q: [respond(q, rcode=SERVFAIL)]) as (server, seen):
        resolver = CachingResolver([server])
        for _ in range(3):
            with pytest.raises(CannotLook):
                await resolver.ask("example.org", "A")
        assert len(seen) == 1
        await resolver.close()


async def test_one_caller_that_gives_up_does_not_take_the_answer_from_the_others():
    async with name_server(lambda q: [respond(q, "example.org. 60 IN A 192.0.2.1")]) as (server, _):
        resolver = CachingResolver([server])
        first = asyncio.ensure_future(resolver.ask("example.org", "A"))
        second = asyncio.ensure_future(resolver.ask("example.org", "A"))
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).records == ("192.0.2.1",)
        await resolver.close()


async def test_checking_disabled_is_a_question_of_its_own():
    def validate(query):
        return [
            respond(query, "example.org. 60 IN A 192.0.2.1")
            if query[3] & 0x10
            else respond(query, rcode=SERVFAIL)
        ]

    assert await why_not(validate, kind="A") is Reason.SERVFAIL
    assert (await ask(validate, kind="A", checking_disabled=True)).existence is Existence.FOUND


async def test_a_name_beyond_ascii_is_asked_as_a_label():
    def echo(query):
        return [respond(query, "xn--bcher-kva.example. 60 IN A 192.0.2.1")]

    answer = await ask(echo, name="bücher.example", kind="A")
    assert answer.canonical == "xn--bcher-kva.example"


@pytest.mark.parametrize("name", ["a..b", "x" * 64 + ".example", ".".join(["abcdefgh"] * 40)])
async def test_what_is_no_name_is_said_to_be_none(name):
    assert await why_not(lambda _: [], name=name) is Reason.MALFORMED


# Hostile answers


async def test_a_truncated_answer_is_fetched_over_tcp():
    def cut(query):
        wire = bytearray(respond(query))
        wire[2] |= 0x02
        return [bytes(wire)]

    many = [f"example.org. 60 IN MX {n} mx{n}.example.org." for n in range(300)]
    answer = await ask(cut, tcp=lambda q: [respond(q, *many)])
    assert answer.records[0] == "0 mx0.example.org."
    assert len(answer.records) == 200
    assert answer.omitted == 100


async def test_ten_thousand_mx_stay_bounded_in_time_and_memory():
    def cut(query):
        wire = bytearray(respond(query))
        wire[2] |= 0x02
        return [bytes(wire)]

    def flood(query):
        head = query[:2] + b"\x81\x80" + struct.pack("!HHHH", 1, 4000, 0, 0) + query[12:-11]
        return [
            head
            + b"".join(
                b"\xc0\x0c\x00\x0f\x00\x01\x00\x00\x00\x3c\x00\x04" + struct.pack("!H", n) + b"\xc0\x0c"
                for n in range(4000)
            )
        ]

    started = time.monotonic()
    resolver_answer = None
    async with name_server(cut, flood) as (server, _):
        resolver = CachingResolver([server], timeout=5)
        resolver_answer = await resolver.ask("example.org", "MX")
        await resolver.close()
    assert len(resolver_answer.records) == 200
    assert resolver_answer.omitted == 3800
    assert time.monotonic() - started < 3


async def test_compression_pointers_in_a_circle_are_broken_not_endless():
    def loop(query):
        body = query[12:-11]
        pointer = 12 + len(body)
        head = query[:2] + b"\x81\x80" + struct.pack("!HHHH", 1, 1, 0, 0) + body
        return [
            head
            + struct.pack("!H", 0xC000 | pointer)
            + b"\x00\x0f\x00\x01\x00\x00\x00\x3c\x00\x04\x00\x0a\xc0\x0c"
        ]

    assert await why_not(loop) is Reason.MALFORMED


async def test_a_cname_circle_is_broken_not_endless():
    assert (
        await why_not(
            lambda q: [
                respond(q, "example.org. 60 IN CNAME a.example.", "a.example. 60 IN CNAME example.org.")
            ]
        )
        is Reason.MALFORMED
    )


@pytest.mark.parametrize("garbage", [b"", b"\x00", b"\xff" * 600])
async def test_garbage_is_waited_out(garbage):
    assert await why_not(lambda q: [garbage]) is Reason.TIMEOUT


async def test_garbage_under_the_right_id_is_malformed():
    assert await why_not(lambda q: [q[:2] + b"\x81\x80" + b"\x00\x00" + b"\xff" * 40]) is Reason.MALFORMED


async def test_an_answer_with_a_foreign_id_or_question_is_ignored_and_the_real_one_taken():
    def forge(query):
        real = respond(query, "example.org. 60 IN A 192.0.2.1")
        other = bytes([query[0] ^ 1]) + respond(query, "example.org. 60 IN A 203.0.113.66")[1:]
        foreign = real.replace(b"\x07example", b"\x07forgery", 1)
        return [other, foreign, real]

    assert (await ask(forge, kind="A")).records == ("192.0.2.1",)


async def test_escape_sequences_in_txt_never_reach_a_terminal():
    def paint(query):
        return [respond(query, r'example.org. 60 IN TXT "v=spf1 \027[2J\000\195\188" "-all"')]

    (text,) = (await ask(paint, kind="TXT")).records
    assert text == r"v=spf1 \x1b[2J\x00\xc3\xbc-all"
    assert text.isprintable()


async def test_escape_sequences_in_names_never_reach_a_terminal():
    (mx,) = (await ask(lambda q: [respond(q, r"example.org. 60 IN MX 10 \027[2J.example.org.")])).records
    assert mx.isprintable()


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("192.0.2.53", ("192.0.2.53", 53)),
        ("192.0.2.53:5353", ("192.0.2.53", 5353)),
        ("2001:db8::53", ("2001:db8::53", 53)),
        ("[2001:db8::53]:5353", ("2001:db8::53", 5353)),
    ],
)
def test_servers_are_read_as_people_write_them(text, server):
    assert read_server(text) == server


@pytest.mark.parametrize("text", ["ns.example.org", "192.0.2.53:0", "192.0.2.53:x", "", "[::1"])
def test_what_names_no_server_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        read_server(text)


def test_the_machines_own_name_servers_are_those_of_resolv_conf(tmp_path, monkeypatch):
    monkeypatch.setattr(dns, "RESOLV_CONF", tmp_path / "resolv.conf")
    dns.RESOLV_CONF.write_text(
        "# nameserver 192.0.2.1\nsearch example.org\nnameserver 192.0.2.53\nnameserver\tfe80::1%eth0\nnameserver nonsense\n"
    )
    assert system_servers() == (("192.0.2.53", 53), ("fe80::1%eth0", 53))


@pytest.mark.parametrize("text", [None, "", "nameserver\n", "options timeout:1\n"])
async def test_a_machine_that_names_no_resolver_is_said_to_have_none(tmp_path, monkeypatch, text):
    monkeypatch.setattr(dns, "RESOLV_CONF", tmp_path / "resolv.conf")
    if text is not None:
        dns.RESOLV_CONF.write_text(text)
    resolver = CachingResolver()
    with pytest.raises(CannotLook, match="names no resolver") as caught:
        await resolver.ask("example.org", "A")
    assert caught.value.reason is Reason.UNREACHABLE
    await resolver.close()


async def test_over_tcp_the_answer_to_another_question_proves_nothing():
    def cut(query):
        wire = bytearray(respond(query))
        wire[2] |= 0x02
        return [bytes(wire)]

    def other(query):
        return [respond(query, "example.org. 60 IN A 192.0.2.1").replace(b"\x07example", b"\x07forgery", 1)]

    assert await why_not(cut, kind="A", tcp=other) is Reason.MALFORMED
