"""Probes say ok, failed or unknown, and what they could not see is never ok."""

import shutil
import socket
import subprocess
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.runbook import facts, from_outside, queues, reckoning
from auditor.runbook.journal import Author
from auditor.runbook.probes import PROBES
from auditor.runbook.scene import Scene
from auditor.runbook.state import Progress, State
from auditor.runbook.values import NotThatType
from auditor.runbook.world import Measured
from auditor.transport.dial import Dialogue, NoDialogue, Reach, may_send, reach
from auditor.transport.remote import CannotReach, Program, Ran, command_line

ANNA = Author(actor="anna", role="ops", src="test")
STATE = State(values={"mta": "postfix", "units": "postfix@-.service"})


class Answers:
    """A remote that answers every program with the same words."""

    def __init__(self, exit_code=0, out=b"", err=b"") -> None:
        self.answer = Ran(exit=exit_code, stdout=out, stderr=err)
        self.programs: list[Program] = []

    def run(self, program, *, limit=0, sink=None):
        self.programs.append(program)
        return self.answer

    def close(self):
        pass


def scene(remote=None, args=None, *, address="127.0.0.1", before=None, now=None):
    remote = remote or Answers()
    return Scene(
        args=args or {},
        address=address,
        remote=remote,
        fresh=lambda: remote,
        state=STATE,
        folder=Path(),
        before=before,
        now=now,
    )


ON_HOST = {
    "login.refused": {"user": "alice"},
    "unit.active": {},
    "unit.inactive": {},
    "listener.in-unit": {},
    "resolver.answers": {"name": "example.org"},
    "isolation.active": {},
    "isolation.absent": {},
    "sessions.none": {"address": "203.0.113.7"},
    "mail.flows": {},
}


@pytest.mark.parametrize("name", ON_HOST)
@pytest.mark.parametrize(
    ("code", "result"),
    [
        (0, Progress.OK),
        (1, Progress.FAILED),
        (2, Progress.UNKNOWN),
        (124, Progress.UNKNOWN),
        (127, Progress.UNKNOWN),
    ],
)
def test_a_probe_on_the_host_takes_exit_0_for_ok_and_1_for_failed_and_all_else_for_unknown(
    name, code, result
):
    assert PROBES[name](scene(Answers(code, b"said \x1b[2J"), ON_HOST[name])).result is result
    assert "\x1b" not in PROBES[name](scene(Answers(code, b"said \x1b[2J"), ON_HOST[name])).detail


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("login.refused", {"user": "-x; id"}),
        ("sessions.none", {"address": "0/0"}),
        ("resolver.answers", {"name": "a b"}),
        ("port.open", {"port": "99999"}),
        ("port.open", {}),
    ],
)
def test_an_argument_of_the_wrong_type_never_reaches_the_host(name, args):
    remote = Answers()
    with pytest.raises(NotThatType):
        PROBES[name](scene(remote, args))
    assert remote.programs == []


@pytest.mark.parametrize(
    ("out", "result"),
    [
        (b"bash: connect: No route to host\n", Progress.OK),
        (b"bash: connect: Operation not permitted\n", Progress.OK),
        (b"connected\n", Progress.FAILED),
        (b"bash: connect: Connection refused\n", Progress.FAILED),
        (b"bash: connect: Network is unreachable\n", Progress.UNKNOWN),
        (b"bash: connect: No route to host\nnot at once\n", Progress.UNKNOWN),
        (b"not at once\n", Progress.UNKNOWN),
        (b"", Progress.UNKNOWN),
    ],
)
def test_only_the_hosts_own_refusal_proves_that_egress_is_shut(out, result):
    assert PROBES["smtp.egress-refused"](scene(Answers(0, out), {"address": "192.0.2.1"})).result is result


@pytest.mark.parametrize(
    ("name", "before", "now", "args", "result"),
    [
        ("queue.held", None, Measured(total=5, held=5), {}, Progress.OK),
        ("queue.held", None, Measured(total=5, held=4), {}, Progress.FAILED),
        ("queue.held", None, None, {}, Progress.UNKNOWN),
        ("queue.empty", None, Measured(total=0, held=0), {}, Progress.OK),
        ("queue.empty", None, Measured(total=1, held=0), {}, Progress.FAILED),
        ("queue.empty", None, None, {}, Progress.UNKNOWN),
        ("queue.not-growing", Measured(total=5, held=0), Measured(total=5, held=0), {}, Progress.OK),
        ("queue.not-growing", Measured(total=5, held=0), Measured(total=6, held=0), {}, Progress.FAILED),
        ("queue.not-growing", None, Measured(total=6, held=0), {}, Progress.UNKNOWN),
        ("queue.reduced-by-selection", Measured(total=5, held=0), Measured(total=3, held=0), {"selected_count": "2"}, Progress.OK),
        ("queue.reduced-by-selection", Measured(total=5, held=0), Measured(total=2, held=0), {"selected_count": "2"}, Progress.FAILED),
        ("queue.reduced-by-selection", Measured(total=5, held=0), None, {"selected_count": "2"}, Progress.UNKNOWN),
    ],
)  # fmt: skip
def test_numbers_of_the_queue_are_compared_and_missing_ones_are_unknown(name, before, now, args, result):
    assert PROBES[name](scene(args=args, before=before, now=now)).result is result


class Script(Answers):
    """A remote that answers one program after the other."""

    def __init__(self, *answers) -> None:
        super().__init__()
        self.answers = list(answers)

    def run(self, program, *, limit=0, sink=None):
        self.programs.append(program)
        code, out = self.answers.pop(0)
        return Ran(exit=code, stdout=out, stderr=b"")


MAIL = b"     40 mail-lines\n"


@pytest.mark.parametrize(
    ("counted", "strangers", "result", "told"),
    [
        (MAIL, 0, Progress.OK, "no login sent more than 100 messages in 60 minutes"),
        (MAIL + b"    100 sasl_username=alice\n", 0, Progress.OK, "no login"),
        (MAIL + b"    101 A=plain:al\x1bce\n", 0, Progress.FAILED, "al\\x1bce: 101 messages in 60 minutes"),
        (MAIL, 1, Progress.FAILED, "a program that is not the mail program tried to send"),
        (MAIL, 2, Progress.UNKNOWN, "when is not logged"),
        (MAIL, 3, Progress.OK, "nothing here counts what other programs try"),
        (b"", 0, Progress.UNKNOWN, "the mail log of the last day cannot be counted"),
    ],
)
def test_an_hour_is_quiet_by_the_log_and_by_what_the_isolation_refused(counted, strangers, result, told):
    remote = Script((0, counted), (strangers, b""))
    seen = PROBES["outbound.quiet"](scene(remote))
    assert seen.result is result
    assert told in seen.detail
    assert remote.programs[0].args == ("60 minutes ago",)


def test_the_limit_of_an_hour_is_that_of_the_inventory_unless_the_runbook_says_another():
    busy = MAIL + b"     30 authid=bob\n"
    told = State(values={"mta": "sendmail", "mail_limit_per_hour": "20"})
    strict = replace(scene(Script((0, busy))), state=told)
    assert PROBES["outbound.quiet"](strict).result is Progress.FAILED
    generous = replace(strict, remote=Script((0, busy), (0, b"")), args={"limit": "30", "minutes": "10"})
    assert PROBES["outbound.quiet"](generous).result is Progress.OK


TOOLS = (
    "sh",
    "awk",
    "bash",
    "cat",
    "cut",
    "date",
    "grep",
    "sed",
    "seq",
    "sort",
    "tail",
    "timeout",
    "uniq",
    "wc",
)


class OnHost:
    """Runs programs of the engine here: on a host that has these tools, the commands of the test, and files below a folder."""

    def __init__(self, folder: Path) -> None:
        self.commands = folder / "bin"
        self.commands.mkdir()
        for tool in TOOLS:
            (self.commands / tool).symlink_to(shutil.which(tool))
        self.places = {"/etc/": f"{folder}/", "/var/log/": f"{folder}/", "/usr/sbin/": f"{self.commands}/"}

    def __call__(self, name: str, args: dict[str, str], **said: str) -> tuple[int, str]:
        """Exit code and output of what a probe would run."""
        remote = Answers(2)
        PROBES[name](scene(remote, args))
        return self.program(remote.programs[0], self.places, **said)

    def program(self, program: Program, places: dict[str, str], **said: str) -> tuple[int, str]:
        for command, text in said.items():
            (self.commands / command).write_text(f"#!/bin/sh\n{text}\n")
            (self.commands / command).chmod(0o755)
        _path, _, text = program.text.partition("\n")
        for place, here in places.items():
            text = text.replace(place, here)
        ran = subprocess.run(
            ["sh", "-eu", "-c", text, "auditor", *program.args], env={"PATH": str(self.commands), "LC_ALL": "C"},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        return ran.returncode, ran.stdout


@pytest.fixture
def on_host(tmp_path):
    return OnHost(tmp_path)


def test_a_host_whose_resolver_file_names_nobody_has_no_resolver_that_answers(on_host, tmp_path):
    asked = ("resolver.answers", {"name": "example.org"})
    answers = "echo 'status: NOERROR'"
    assert on_host(*asked, dig=answers)[0] == 2  # there is no such file
    (tmp_path / "resolv.conf").write_text("search example.org\n")
    assert on_host(*asked, dig=answers) == (1, f"{tmp_path}/resolv.conf names no server\n")
    (tmp_path / "resolv.conf").write_text("nameserver\t198.51.100.53\n")
    assert on_host(*asked, dig=answers)[0] == 0
    assert on_host(*asked, dig="echo 'status: SERVFAIL'") == (1, "198.51.100.53 does not answer\n")


@pytest.mark.parametrize(
    ("load", "active", "code"),
    [
        ("echo loaded", "exit 3", 0),
        ("echo masked", "exit 3", 0),
        ("echo loaded", "exit 0", 1),
        ("echo not-found", "exit 4", 2),
        ("echo Failed to connect to bus >&2; exit 1", "exit 1", 2),
    ],
)
def test_a_unit_is_inactive_only_by_the_word_of_a_systemd_that_knows_it(on_host, load, active, code):
    systemctl = f"case $* in is-active*) {active};; *LoadState*) {load};; esac"
    assert on_host("unit.inactive", {"unit": "exim4.service"}, systemctl=systemctl)[0] == code


def test_an_account_that_no_layer_knows_is_not_called_shut(on_host):
    asked = ("login.refused", {"user": "alice"})
    code, told = on_host(*asked, getent="exit 2")
    assert (code, "who knows alice is not known here" in told) == (2, True)
    shut = "case $1 in shadow) echo alice:!:1:0:99999:7::2:;; esac"
    assert on_host(*asked, getent=shut)[0] == 0


DELIVERED = "smtpd[9]: 67a0 mda delivery evpid=81ae from=<> to=<bo@x> rcpt=<bo@x> user=bo delay=0s result=Ok stat=Delivered"


def test_mail_of_the_time_before_is_no_proof_that_mail_flows(on_host, tmp_path):
    log = tmp_path / "mail.log"
    log.write_text(f"{DELIVERED}\n")
    hosted = {"sleep": ":", "journalctl": ":"}
    assert on_host("mail.flows", {}, sendmail="cat >&2", **hosted) == (
        1,
        "handed over, but no delivery was logged within 25 s\n",
    )
    assert on_host("mail.flows", {}, sendmail=f"cat >&2; echo '{DELIVERED}' >> {log}", **hosted)[0] == 0


REFUSED = "smtpd[9]: 67a0 mda delivery evpid=81ae from=<a@x> to=<root@x> rcpt=<root@x> user=root delay=0s result=PermFail stat=Error"


def test_a_mailbox_that_takes_nothing_is_named(on_host, tmp_path):
    write = f"cat >&2; echo '{REFUSED}' >> {tmp_path}/mail.log"
    (tmp_path / "mail.log").touch()
    assert on_host("mail.flows", {}, sendmail=write, sleep=":", journalctl=":") == (
        1,
        "handed over, but nothing is delivered to root: it needs an alias (playbook role-addresses)\n",
    )


def test_on_a_host_with_many_senders_the_log_is_still_seen_and_the_busiest_are_counted(on_host):
    lines = "seq 1 60 | sed 's/.*/&: client=a[192.0.2.1], sasl_method=PLAIN, sasl_username=user&/'"
    log = f"case $* in *PRIORITY=6*) echo any;; *short-unix*) ;; *) {lines}; {lines}; echo 'Q: client=a[192.0.2.1], sasl_username=bo';; esac"
    code, counted = on_host("outbound.quiet", {}, journalctl=log)
    rows = counted.splitlines()
    assert (code, len(rows), rows[-1].split()) == (0, 51, ["1", "mail-lines"])
    assert all(row.split()[0] == "2" for row in rows[:-1])


def test_a_new_login_is_a_new_login():
    assert PROBES["ssh.alive"](scene(Answers(0, b"alive\n"))).result is Progress.OK
    assert PROBES["ssh.alive"](scene(Answers(0, b"this account is closed\n"))).result is Progress.FAILED


Server = Callable[[bytes], int]


@pytest.fixture
def server():
    """A listener on loopback that says the given bytes, a piece for each line it hears, and hangs up."""
    listening: list[socket.socket] = []

    def start(*pieces: bytes) -> int:
        one = socket.create_server(("127.0.0.1", 0))
        listening.append(one)

        def serve():
            client, _ = one.accept()
            with client:
                client.settimeout(5)
                for number, piece in enumerate(pieces):
                    if number and not client.recv(4096):
                        return
                    client.sendall(piece)

        threading.Thread(target=serve, daemon=True).start()
        return one.getsockname()[1]

    yield start
    for one in listening:
        one.close()


UNKNOWN_SENDER = b"553 5.1.8 <probe@sender.invalid>... Domain of sender address does not exist\r\n"
HELLO = (b"220 mx1 ESMTP\r\n", b"250-mx1\r\n250 SIZE 1000\r\n")


def test_a_port_is_open_or_refused(server):
    port = server(b"220 mx1\r\n")
    assert reach("127.0.0.1", port) is Reach.OPEN
    free = socket.create_server(("127.0.0.1", 0))
    shut = free.getsockname()[1]
    free.close()
    assert reach("127.0.0.1", shut) is Reach.REFUSED
    assert reach("no-such-name.invalid", 25) is Reach.UNKNOWN
    assert PROBES["port.closed"](scene(args={"port": str(shut)})).result is Progress.OK
    assert PROBES["port.open"](scene(args={"port": str(shut)})).result is Progress.FAILED
    assert PROBES["host.unreachable"](scene(args={"port": str(shut)})).result is Progress.OK
    for name in ("port.open", "port.closed", "host.unreachable"):
        assert (
            PROBES[name](scene(args={"port": "25"}, address="no-such-name.invalid")).result
            is Progress.UNKNOWN
        )


@pytest.mark.parametrize(
    ("replies", "result"),
    [
        ((b"250 ok\r\n", b"554 5.7.1 Relay access denied\r\n"), Progress.OK),
        ((b"250 ok\r\n", b"250 ok\r\n", b"250 reset\r\n"), Progress.FAILED),
        ((b"250 ok\r\n", b"454 4.7.1 Relay access denied\r\n"), Progress.UNKNOWN),
        ((b"250 ok\r\n", b"550 Invalid recipient: <probe@recipient.example>\r\n"), Progress.OK),
        ((b"530 5.7.0 Authentication required\r\n", b"530 5.7.0 Authentication required\r\n"), Progress.OK),
        ((b"530 5.7.0 Must issue STARTTLS\r\n", b"530 5.7.0 Must issue STARTTLS\r\n"), Progress.UNKNOWN),
        ((UNKNOWN_SENDER, b"250 ok\r\n", b"550 5.7.1 Relaying denied\r\n"), Progress.OK),
        ((UNKNOWN_SENDER, b"250 ok\r\n", b"250 ok\r\n", b"250 reset\r\n"), Progress.FAILED),
        ((UNKNOWN_SENDER, UNKNOWN_SENDER), Progress.UNKNOWN),
        (
            (b"250 ok\r\n", b"550 5.7.1 Service unavailable; client blocked using bl.example\r\n"),
            Progress.UNKNOWN,
        ),
        ((b"250 ok\r\n", b"550 5.1.2 Host unknown\r\n"), Progress.UNKNOWN),
        ((b"",), Progress.UNKNOWN),
    ],
)
def test_a_relay_is_refused_by_a_5xx_about_relaying_and_by_nothing_weaker(
    server, monkeypatch, replies, result
):
    port = server(*HELLO, *replies)
    monkeypatch.setattr(
        from_outside,
        "may_send",
        lambda host, senders, recipient: may_send(host, senders, recipient, port=port, timeout=5),
    )
    assert PROBES["smtp.refuses-relay"](scene()).result is result


@pytest.mark.parametrize(
    ("replies", "result"),
    [
        ((b"250 ok\r\n", b"250 ok\r\n", b"250 reset\r\n"), Progress.OK),
        ((b"250 ok\r\n", b"550 no such user\r\n"), Progress.FAILED),
        ((b"250 ok\r\n", b"450 greylisted\r\n"), Progress.UNKNOWN),
    ],
)
def test_a_recipient_is_accepted_refused_or_not_known(server, monkeypatch, replies, result):
    port = server(*HELLO, *replies)
    monkeypatch.setattr(
        from_outside,
        "may_send",
        lambda host, senders, recipient: may_send(host, senders, recipient, port=port, timeout=5),
    )
    assert PROBES["smtp.accepts-recipient"](scene(args={"recipient": "root@example.org"})).result is result


@pytest.mark.parametrize(
    ("greeting", "told"),
    [
        (b"220-" + b"x\r\n220-" * 200, "without end"),
        (b"x" * 10_000, "without end"),
        (b"HTTP/1.1 200 OK\r\n", "not SMTP"),
        (b"554 go away\r\n", "greeting 554"),
        (b"220 mx1\r\n500 what\r\n", "EHLO 500"),
        (b"", "hung up"),
    ],
)
def test_a_hostile_server_cannot_hold_or_fill_a_dialogue(server, greeting, told):
    with pytest.raises(NoDialogue, match=told):
        may_send("127.0.0.1", ("a@b.example",), "c@d.example", port=server(greeting), timeout=5)


def test_a_silent_server_costs_no_more_than_the_time_limit():
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, pytest.raises(NoDialogue, match="no answer"):
        may_send("127.0.0.1", ("a@b.example",), "c@d.example", port=listener.getsockname()[1], timeout=0.3)


def test_no_command_can_smuggle_a_second_one(server):
    with Dialogue("127.0.0.1", server(*HELLO), timeout=5) as dialogue:
        dialogue.open("me.example")
        with pytest.raises(NoDialogue, match="line break"):
            dialogue.say("RCPT TO:<a@b>\r\nDATA")


def test_what_varies_is_one_quoted_word_of_the_remote_command():
    line = command_line(Program(text='echo "$1"', args=("a b; id", "$(id)"), timeout=5), become=True)
    assert line == "sudo -n -- timeout --kill-after=5 5 sh -eu -c 'echo \"$1\"' auditor 'a b; id' '$(id)'"


def test_facts_are_read_with_their_types_and_doubtful_ones_are_left_out():
    out = b"debian=12\nmta=postfix\nmta_version=3.7.11\nqueue_dir=/var/spool/postfix\nunits=postfix@-.service\ndovecot=no\nhave_credentials=yes\nevil=1\nqueue_dir\n"
    assert facts.read(out)["mta"] == "postfix"
    assert "evil" not in facts.read(out)
    assert facts.read(b"debian=twelve\nmta=$(id)\nqueue_dir=; rm\n") == {}
    assert facts.of_host(Answers(0, out))["debian"] == "12"


def test_without_a_login_the_only_fact_is_that_there_is_none():
    class Broken(Answers):
        def run(self, program, *, limit=0, sink=None):
            raise CannotReach("refused")

    assert facts.of_host(Broken()) == {"have_credentials": "no"}


@pytest.mark.parametrize(
    ("answer", "measured"),
    [
        ((0, b"total=5 held=3\n"), Measured(total=5, held=3)),
        ((1, b"total=5 held=3\n"), None),
        ((0, b"total= held=\n"), None),
        ((0, b""), None),
    ],
)
def test_a_queue_that_cannot_be_counted_has_no_size(answer, measured):
    assert queues.measure(Answers(*answer), STATE) == measured
    assert queues.measure(Answers(*answer), State(values={})) is None


@pytest.mark.parametrize(
    ("mta", "queue"),
    [
        ("postfix", "postfix/incoming"),
        ("exim4", "exim4/input"),
        ("opensmtpd", "smtpd/queue"),
        ("sendmail", "mqueue"),
    ],
)
def test_a_queue_whose_disk_is_gone_is_not_an_empty_one(on_host, tmp_path, mta, queue):
    remote = Answers(2)
    queues.measure(remote, State(values={"mta": mta}))
    spool = {"/var/spool/": f"{tmp_path}/"}
    hosted = {
        "postconf": f"echo {tmp_path}/postfix",
        "exim4": ":",
        "systemctl": "echo enabled",
        "find": "exit 0",
    }
    assert on_host.program(remote.programs[0], spool, **hosted)[0] == 2
    (tmp_path / queue).mkdir(parents=True)
    assert on_host.program(remote.programs[0], spool, **hosted) == (0, "total=0 held=0\n")


class LogAndQueue(Answers):
    def __init__(self, log, queue, code=0) -> None:
        super().__init__()
        self.answers = [Ran(exit=code, stdout=log, stderr=b""), Ran(exit=0, stdout=queue, stderr=b"")]

    def run(self, program, *, limit=0, sink=None):
        return self.answers.pop(0)


LOG = (
    b"2026-11-21T21:00:01+00:00 mx1 postfix/qmgr[1]: AAAAAAAA: from=<a@b>, size=1, nrcpt=1 (queue active)\n"
    b"2026-11-21T21:00:01+00:00 mx1 postfix/qmgr[1]: BBBBBBBB: from=<a@b>, size=1, nrcpt=1 (queue active)\n"
)


def test_the_accounting_is_ok_when_nothing_is_lost_and_names_what_is(tmp_path):
    (tmp_path / "acted-on").write_text("BBBBBBBB\n")
    state = State(values=STATE.values, removed=("acted-on",))
    assert reckoning.outcome(LogAndQueue(LOG, b"AAAAAAAA held\n"), state, tmp_path).detail.endswith(
        "held 1 + removed by us 1"
    )
    lost = reckoning.outcome(LogAndQueue(LOG, b""), state, tmp_path)
    assert (lost.result, "AAAAAAAA" in lost.detail) == (Progress.FAILED, True)


@pytest.mark.parametrize("remote", [LogAndQueue(b"", b""), LogAndQueue(LOG, b"", code=1)])
def test_without_a_log_the_accounting_is_unknown(remote, tmp_path):
    assert reckoning.outcome(remote, STATE, tmp_path).result is Progress.UNKNOWN
    assert reckoning.outcome(remote, State(values={"mta": "qmail"}), tmp_path).result is Progress.UNKNOWN
