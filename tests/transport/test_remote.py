"""The shell of an incident, against a real SSH server on loopback that runs what it is told, or misbehaves."""

import subprocess

import pytest

from auditor.transport.remote import TIMED_OUT, CannotReach, Program, SshRemote
from tests.transport.test_ssh import Server


@pytest.fixture
def server(tmp_path, monkeypatch):
    """No agent, no files of the person who runs the tests."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return Server(tmp_path)


def root_shell(server, deeds=None):
    """A far side that runs each command as sshd would; `id -u` is answered with 0, whoever runs the tests."""

    def serve(channel):
        command = server.gates[-1].commands[-1].decode()
        stdin = b""
        while piece := channel.recv(65536):  # its end comes after our "yes" to the exec request has arrived
            stdin += piece
        if command == "id -u":
            channel.sendall(b"0\n")
            channel.send_exit_status(0)
            channel.close()
            return
        ran = subprocess.run(["sh", "-c", command], input=stdin, capture_output=True, check=False)
        channel.sendall(ran.stdout)
        channel.sendall_stderr(ran.stderr)
        (deeds or (lambda one: one.send_exit_status(ran.returncode)))(channel)
        channel.close()

    return serve


@pytest.fixture
def remote(server):
    with server.serving(root_shell(server)):
        server.know()
        with SshRemote(server.target(), connect_timeout=5) as one:
            yield one


def test_a_program_gets_its_arguments_and_input_as_they_are(remote):
    ran = remote.run(
        Program(text='printf "%s|" "$@"; cat', args=("a b", "$(id)", "'", ""), stdin=b"list\n", timeout=10)
    )
    assert ran.stdout == b"a b|$(id)|'||list\n"
    assert ran.exit == 0


def test_exit_code_and_errors_come_back(remote):
    ran = remote.run(Program(text="echo no >&2; exit 7", timeout=10))
    assert (ran.exit, ran.stderr, ran.stdout) == (7, b"no\n", b"")


def test_a_failing_command_ends_the_program(remote):
    assert remote.run(Program(text="false\necho on", timeout=10)).stdout == b""


def test_an_unset_variable_ends_the_program(remote):
    assert remote.run(Program(text='echo "$nothing"', timeout=10)).exit != 0


def test_a_program_that_takes_too_long_is_ended_on_the_far_side(remote):
    assert remote.run(Program(text="sleep 30", timeout=1)).exit == TIMED_OUT


def test_output_beyond_the_limit_is_cut_and_says_so(remote):
    ran = remote.run(Program(text="head -c 300000 /dev/zero", timeout=10), limit=1000)
    assert (len(ran.stdout), ran.truncated) == (1000, True)


def test_a_sink_gets_every_byte_and_memory_none(remote):
    pieces = []
    ran = remote.run(Program(text="head -c 3000000 /dev/zero", timeout=20), sink=pieces.append)
    assert (sum(map(len, pieces)), ran.stdout, ran.truncated) == (3_000_000, b"", False)


def test_a_large_list_on_the_input_does_not_block(remote):
    stdin = b"3F2A1B4C5D\n" * 100_000
    assert (
        remote.run(Program(text="wc -c", stdin=stdin, timeout=20)).stdout.strip() == str(len(stdin)).encode()
    )


def test_one_connection_serves_many_programs_and_comes_back_after_it_was_lost(server):
    with server.serving(root_shell(server)):
        server.know()
        with SshRemote(server.target(), connect_timeout=5) as remote:
            for _ in range(3):
                assert remote.run(Program(text="echo on", timeout=10)).stdout == b"on\n"
            assert len(server.gates) == 1
            remote.close()
            assert remote.run(Program(text="echo again", timeout=10)).stdout == b"again\n"
            assert len(server.gates) == 2


def test_a_connection_that_breaks_in_the_middle_is_no_exit_code(server):
    with server.serving(root_shell(server, lambda channel: channel.get_transport().close())):
        server.know()
        with SshRemote(server.target(), connect_timeout=5) as remote, pytest.raises(CannotReach):
            remote.run(Program(text="echo half", timeout=10))


def test_a_channel_that_closes_without_an_exit_code_is_no_success(server):
    with server.serving(root_shell(server, lambda _channel: None)):
        server.know()
        with (
            SshRemote(server.target(), connect_timeout=5) as remote,
            pytest.raises(CannotReach, match="end was seen"),
        ):
            remote.run(Program(text="echo half", timeout=10))


def test_an_unknown_host_key_is_refused(server):
    with (
        server.serving(root_shell(server)),
        SshRemote(server.target(), connect_timeout=5) as remote,
        pytest.raises(CannotReach, match="unknown host key"),
    ):
        remote.run(Program(text="true", timeout=5))


def test_nobody_there_is_told(server):
    server.port = 1
    server.known_hosts.touch()
    with SshRemote(server.target(), connect_timeout=5) as remote, pytest.raises(CannotReach, match="refused"):
        remote.run(Program(text="true", timeout=5))
