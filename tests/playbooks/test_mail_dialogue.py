"""What a busy server's silence excuses, and what it does not."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.lab.authority import Authority
from tests.playbooks.on_host import loaded

V4, V6 = "port 25 at 198.51.100.10", "port 25 at 2001:db8:100::10"


@pytest.fixture(scope="module")
def dialogue():
    """mail_dialogue."""
    with loaded("mail_listeners", "mail_dialogue") as module:
        yield module


def test_a_server_is_busy_when_a_port_answers_nowhere(dialogue):
    assert dialogue.busy({f"{V4} greets": False, f"{V4} is busy": True})


def test_a_server_that_answers_at_another_address_of_the_port_is_not(dialogue):
    assert not dialogue.busy({f"{V4} greets": True, f"{V6} greets": False, f"{V6} is busy": True})


def test_an_answer_at_another_port_is_no_answer(dialogue):
    assert dialogue.busy(
        {"port 587 at 198.51.100.10 greets": True, f"{V4} greets": False, f"{V4} is busy": True}
    )


def test_what_could_not_be_asked_at_a_busy_address_is_excused_where_another_one_answers(dialogue):
    now = {f"{V4} greets": True, f"{V6} greets": False, f"{V6} is busy": True}
    assert dialogue.excused(f"{V6} completes STARTTLS", now)


@pytest.mark.parametrize(
    "now",
    [
        {f"{V4} greets": True, f"{V6} greets": False},  # nobody said that it is busy: it is dead
        {f"{V4} greets": False, f"{V6} greets": False, f"{V6} is busy": True},
        {f"{V4} greets": True, f"{V4} completes STARTTLS": False, f"{V6} is busy": True},
    ],
)
def test_what_is_no_longer_true_is_never_excused_by_that(dialogue, now):
    line = f"{V4} completes STARTTLS" if f"{V4} completes STARTTLS" in now else f"{V6} completes STARTTLS"
    assert not dialogue.excused(line, now)


@contextmanager
def door(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port on loopback at which `serve` talks to whoever comes, one after the other."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def run() -> None:
            while True:
                try:
                    client, _ = listening.accept()
                except OSError:
                    return
                with client:
                    serve(client)

        thread = threading.Thread(target=run)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.mark.parametrize(
    ("code", "told"),
    [(535, None), (235, "(it answers 235)"), (454, "(it answers 454)"), (504, "(it answers 504)")],
)
def test_only_535_says_that_whoever_knows_the_passwords_was_asked(dialogue, code, told):
    class Session:
        def say(self, line: str) -> tuple[int, str]:
            assert line.startswith("AUTH PLAIN ")
            return code, ""

    complaint = dialogue._refuses_nobody(Session())
    assert complaint is None if told is None else told in complaint


@pytest.fixture
def seen_at(dialogue, monkeypatch):
    """What is seen at a port of implicit TLS, of which `port` stands for the number and the address."""

    def seen_at(serve: Callable[[socket.socket], None]) -> dict[str, bool]:
        with door(serve) as port:
            monkeypatch.setattr(dialogue, "SMTPS", port)
            seen = dialogue._talk("127.0.0.1", port, [])
        return {line.replace(f"port {port} at 127.0.0.1", "port"): true for line, true in seen.items()}

    return seen_at


def in_clear(words: bytes) -> Callable[[socket.socket], None]:
    def say(client: socket.socket) -> None:
        client.sendall(words)
        client.recv(4096)

    return say


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        (b"421 4.3.2 Connection rate limit exceeded.\r\n", {"port greets": False, "port is busy": True}),
        (b"220 mx.example.org ESMTP\r\n", {"port greets": False}),
    ],
)
def test_clear_words_at_the_port_of_implicit_tls_mean_busy_when_they_are_421_and_only_then(
    seen_at, words, seen
):
    assert seen_at(in_clear(words)) == seen


def test_a_greeting_within_tls_is_read_as_ever(seen_at, tmp_path):
    authority = Authority()
    credential = authority.issue("mx.example.org")
    (tmp_path / "both.pem").write_text(credential.key + credential.certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")

    def greets(client: socket.socket) -> None:
        with context.wrap_socket(client, server_side=True) as tls:
            tls.sendall(b"220 mx.example.org ESMTP\r\n")
            tls.recv(4096)
            tls.sendall(b"250-mx.example.org\r\n250 AUTH PLAIN LOGIN\r\n")
            tls.recv(4096)

    assert seen_at(greets) == {"port greets": True, "port speaks SMTP": True, "port lets users log in": True}
