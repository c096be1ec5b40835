"""End to end over real sockets on loopback, without root: the same path that `auditor demo` takes."""

import asyncio
import io
import json
import smtplib

import dns.message
import dns.query
import dns.rcode
import pytest

from auditor.cli import _demonstrating, _scanning
from auditor.cli.demo import command
from auditor.cli.judge import command as judge_command
from auditor.cli.scan import command as scan_command
from auditor.demo.dns import respond
from auditor.demo.host import weak_host
from auditor.demo.zone import RECORDS

EXPECTED = {
    "relay-closed": "failed",
    "relay-rewritten-closed": "failed",
    "relay-submission-closed": "failed",
    "abuse-accepted": "failed",
    "postmaster-accepted": "passed",
    "null-sender-accepted": "failed",
    "spf-policy-restrictive": "failed",
    "dkim-key-strong": "failed",
    "dmarc-policy-enforced": "failed",
    "starttls-offered": "passed",
    "tls-certificate-valid": "failed",
    "auth-after-tls-only": "failed",
}


def demonstrate(*words):
    out, err = io.StringIO(), io.StringIO()
    with command.make_context("demo", list(words)) as context:
        code = _demonstrating.main(context.params, terminal=_scanning.Terminal(out, err))
    return code, out.getvalue(), err.getvalue()


def test_the_demonstration_finds_what_is_wrong_and_says_what_to_do_next():
    code, out, err = demonstrate("--format", "json")
    findings = {f["check"]: f for t in json.loads(out)["targets"] for f in t["findings"]}
    assert code == 0
    assert {name: findings[name]["status"] for name in EXPECTED} == EXPECTED
    assert "make scan HOST=" in err


def test_nothing_of_the_demonstration_crashes():
    _, out, _ = demonstrate("--format", "json")
    assert json.loads(out)["summary"]["crash"] == 0


def test_its_name_server_answers_over_udp_and_tcp_and_denies_the_rest():
    async def ask():
        async with weak_host() as host:
            address, port = host.nameserver
            found = []
            for over in (dns.query.udp, dns.query.tcp):
                query = dns.message.make_query("weak.example", "MX")
                found.append(await asyncio.to_thread(over, query, address, port=port, timeout=5))
            query = dns.message.make_query("nowhere.example", "A")
            found.append(await asyncio.to_thread(dns.query.udp, query, address, port=port, timeout=5))
            return found

    by_udp, by_tcp, missing = asyncio.run(ask())
    assert by_udp.answer == by_tcp.answer
    assert by_udp.answer[0].to_text() == "weak.example. 300 IN MX 10 mx1.weak.example."
    assert missing.rcode() == dns.rcode.NXDOMAIN


@pytest.mark.parametrize("wire", [b"", b"\x00", b"\xff" * 600])
def test_what_is_no_question_gets_no_answer(wire):
    assert respond(wire, RECORDS) is None


def test_its_mail_server_is_the_open_relay_that_it_claims_to_be():
    def talk(port):
        with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
            client.ehlo("scanner.example")
            client.mail("a@stranger.example")
            replies = [client.rcpt(a)[0] for a in ("b@elsewhere.example", "abuse@weak.example", "postmaster")]
            return [*replies, client.verify("info")[0], client.rset()[0], client.docmd("MAIL FROM:<>")[0]]

    async def run():
        async with weak_host() as host:
            return await asyncio.to_thread(talk, dict(host.ports)[25])

    assert asyncio.run(run()) == [250, 550, 250, 250, 250, 550]


def test_ports_that_it_does_not_serve_are_refused():
    async def run():
        async with weak_host() as host:
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", dict(host.ports)[143])

    asyncio.run(run())


def scan_weak_host(*more):
    """`auditor scan` as a user types it, against the weak host: resolver, network and all."""

    async def run():
        async with weak_host() as host:
            address, port = host.nameserver
            ports = [word for pair in host.ports for word in ("--port", f"{pair[0]}={pair[1]}")]
            words = ["weak.example", "--nameserver", f"{address}:{port}", *ports, *more]
            with scan_command.make_context("scan", words) as context:
                return await asyncio.to_thread(_scanning.main, context.params)

    return asyncio.run(run())


def test_the_real_command_scans_over_real_sockets(capsys):
    code = scan_weak_host("--assume-outside", "--only", "relay", "--format", "json")
    report = json.loads(capsys.readouterr().out)
    assert code == 1
    assert report["vantage"]["assume_outside"] is True
    assert {f["check"]: f["status"] for t in report["targets"] for f in t["findings"]}[
        "relay-closed"
    ] == "failed"


def test_a_scan_from_the_target_itself_grades_no_relay_test(capsys):
    code = scan_weak_host("--only", "relay", "--format", "json")
    report = json.loads(capsys.readouterr().out)
    assert code == 3
    assert {(f["status"], f["reason"]) for t in report["targets"] for f in t["findings"]} == {
        ("unknown", "trusted-vantage")
    }


def test_evidence_of_a_whole_scan_is_judged_again_to_the_same_report(capsys, tmp_path):
    kept = f"{tmp_path}/evidence.json"
    code = scan_weak_host("--assume-outside", "--format", "json", "--save-evidence", kept)
    first = json.loads(capsys.readouterr().out)
    with judge_command.make_context("judge", [kept, "--format", "json"]) as context:
        again = _scanning.judge_saved(context.params)
    assert again == code == 1
    assert json.loads(capsys.readouterr().out) == first
    assert len(first["targets"][0]["findings"]) > 40


def test_a_demonstration_into_a_place_that_does_not_exist_is_one_sentence():
    code, out, err = demonstrate("-o", "/nonexistent/report.html")
    assert (code, out, err) == (2, "", "auditor: -o /nonexistent/report.html: no such directory\n")


def test_an_interrupted_demonstration_says_so(monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(_demonstrating, "load", interrupt)
    code, out, err = demonstrate()
    assert (code, out) == (130, "")
    assert "interrupted" in err
