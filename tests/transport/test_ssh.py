"""SSH against a real paramiko server on loopback, one that behaves and several that do not."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import paramiko
import pytest

from auditor.model import Reason, SshTarget
from auditor.net import CannotLook
from auditor.transport.ssh import EDGE_ERRORS, explain, find_route, login, parse_destination

Serve = Callable[[paramiko.Channel], None]


class Gate(paramiko.ServerInterface):
    """Lets `user` in with one key and starts `serve` for each exec."""

    def __init__(self, key: paramiko.PKey, serve: Serve) -> None:
        self.key, self.serve, self.commands, self.busy = key, serve, [], False

    def get_allowed_auths(self, username):
        return "publickey"

    def check_auth_publickey(self, username, key):
        return paramiko.AUTH_SUCCESSFUL if key == self.key else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        if self.serve is one_at_a_time and self.busy:
            return paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        self.busy = True
        return paramiko.OPEN_SUCCEEDED if kind == "session" else paramiko.OPEN_FAILED_UNKNOWN_CHANNEL_TYPE

    def check_channel_direct_tcpip_request(self, chanid, origin, destination):
        return paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_exec_request(self, channel, command):
        self.commands.append(command)
        threading.Timer(0.05, self._serve, args=(channel,)).start()  # after the answer to this request
        return True

    def _serve(self, channel):
        with suppress(OSError, EOFError, paramiko.SSHException):
            self.serve(channel)
        self.busy = False


def echo_program(channel: paramiko.Channel) -> None:
    text = b""
    while chunk := channel.recv(65536):
        text += chunk
    channel.sendall(b"out:" + text)
    channel.sendall_stderr(b"err")
    channel.send_exit_status(7)
    channel.close()


def one_at_a_time(channel: paramiko.Channel) -> None:
    """What sshd does with MaxSessions 1."""
    time.sleep(0.3)
    echo_program(channel)
    while not channel.closed:
        time.sleep(0.01)


def endless(channel: paramiko.Channel) -> None:
    while True:
        channel.sendall(b"x" * 32768)


def silent(channel: paramiko.Channel) -> None:
    time.sleep(30)


def half_then_silent(channel: paramiko.Channel) -> None:
    channel.sendall(b"first frame")
    time.sleep(30)


def deaf(channel: paramiko.Channel) -> None:
    """Never reads what it is sent, but answers: both directions at once must not block each other."""
    channel.sendall(b"y" * 100_000)
    channel.send_exit_status(0)
    channel.close()


def hang_up(channel: paramiko.Channel) -> None:
    channel.get_transport().close()


class Server:
    def __init__(self, tmp_path: Path) -> None:
        self.host_key = paramiko.ECDSAKey.generate()
        self.user_key = paramiko.ECDSAKey.generate()
        self.key_file = tmp_path / "id_ecdsa"
        self.user_key.write_private_key_file(str(self.key_file))
        self.known_hosts = tmp_path / "known_hosts"
        self.port = 0
        self.gates: list[Gate] = []

    def know(self, key: paramiko.PKey | None = None, prefix: str = "") -> None:
        key = key or self.host_key
        with self.known_hosts.open("a") as file:
            file.write(f"{prefix}[127.0.0.1]:{self.port} {key.get_name()} {key.get_base64()}\n")

    def target(self, **changes) -> SshTarget:
        plain = {
            "host": "127.0.0.1",
            "port": self.port,
            "user": "auditor",
            "key_file": str(self.key_file),
            "known_hosts": str(self.known_hosts),
        }
        return SshTarget(**(plain | changes))

    @contextmanager
    def serving(self, serve: Serve) -> Iterator["Server"]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
            transports = []

            def accept() -> None:
                with suppress(OSError):
                    while True:
                        link, _ = listener.accept()
                        transport = paramiko.Transport(link)
                        transport.add_server_key(self.host_key)
                        gate = Gate(self.user_key, serve)
                        self.gates.append(gate)
                        transports.append(transport)
                        with suppress(paramiko.SSHException, EOFError):
                            transport.start_server(server=gate)

            thread = threading.Thread(target=accept, daemon=True)
            thread.start()
            try:
                yield self
            finally:
                listener.shutdown(socket.SHUT_RDWR)
                thread.join(5)
                for transport in transports:
                    transport.close()


@pytest.fixture
def server(tmp_path, monkeypatch):
    """No agent, no files of the person who runs the tests."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return Server(tmp_path)


async def why_not(target: SshTarget) -> CannotLook:
    with pytest.raises(CannotLook) as caught:
        await login(target, timeout=5)
    return caught.value


async def test_the_program_goes_in_and_both_channels_and_the_exit_code_come_back(server):
    with server.serving(echo_program):
        server.know()
        shell = await login(server.target(), timeout=5)
        result = await shell.run("echo hello\n", timeout=5, limit=1000)
        await shell.close()
    assert (result.exit_code, result.stdout, result.stderr) == (7, b"out:echo hello\n", b"err")
    assert not result.truncated


async def test_it_asks_for_root_without_ever_asking_for_a_password(server):
    with server.serving(echo_program):
        server.know()
        shell = await login(server.target(), timeout=5)
        await shell.run("true\n", timeout=5, limit=100)
        await shell.close()
    (command,) = server.gates[0].commands
    assert b"sudo -n" in command
    assert b"sudo sh" not in command


async def test_one_connection_carries_programs_side_by_side(server):
    with server.serving(echo_program):
        server.know()
        shell = await login(server.target(), timeout=5)
        first, second = await asyncio.gather(
            shell.run("one", timeout=5, limit=100), shell.run("two", timeout=5, limit=100)
        )
        await shell.close()
    assert (first.stdout, second.stdout) == (b"out:one", b"out:two")
    assert len(server.gates) == 1


async def test_a_server_that_allows_one_session_gets_programs_one_after_the_other(server):
    with server.serving(one_at_a_time):
        server.know()
        shell = await login(server.target(), timeout=5)
        results = await asyncio.gather(*(shell.run(text, timeout=9, limit=100) for text in ("one", "two")))
        await shell.close()
    assert [result.stdout for result in results] == [b"out:one", b"out:two"]


async def test_output_without_end_is_cut_at_the_limit_and_said_to_be(server):
    with server.serving(endless):
        server.know()
        shell = await login(server.target(), timeout=5)
        result = await shell.run("true", timeout=10, limit=200_000)
        await shell.close()
    assert len(result.stdout) == 200_000
    assert result.truncated


async def test_a_host_that_falls_silent_costs_the_deadline_and_keeps_what_came_before(server):
    with server.serving(half_then_silent):
        server.know()
        shell = await login(server.target(), timeout=5)
        started = time.monotonic()
        result = await shell.run("true", timeout=1, limit=1000)
        await shell.close()
    assert result.stdout == b"first frame"
    assert result.truncated
    assert result.exit_code == -1
    assert time.monotonic() - started < 5


async def test_a_host_that_says_nothing_at_all_is_a_timeout(server):
    with server.serving(silent):
        server.know()
        shell = await login(server.target(), timeout=5)
        with pytest.raises(CannotLook) as caught:
            await shell.run("true", timeout=1, limit=1000)
        await shell.close()
    assert caught.value.reason is Reason.TIMEOUT


async def test_a_far_side_that_does_not_read_its_input_does_not_block_us(server):
    with server.serving(deaf):
        server.know()
        shell = await login(server.target(), timeout=5)
        result = await shell.run("#" * 3_000_000, timeout=40, limit=200_000)
        await shell.close()
    assert result.stdout == b"y" * 100_000


async def test_a_connection_lost_in_the_middle_is_said_so(server):
    with server.serving(hang_up):
        server.know()
        shell = await login(server.target(), timeout=5)
        with pytest.raises(CannotLook) as caught:
            await shell.run("true", timeout=5, limit=1000)
        with pytest.raises(CannotLook) as again:
            await shell.run("true", timeout=5, limit=1000)
        await shell.close()
    assert caught.value.reason is Reason.CONNECTION_LOST
    assert again.value.reason is Reason.CONNECTION_LOST


async def test_an_unknown_host_key_is_refused_with_the_way_to_add_it(server):
    with server.serving(echo_program):
        error = await why_not(server.target())
    assert error.reason is Reason.SSH_HOST_KEY
    assert "log in by hand once" in error.detail
    assert server.host_key.fingerprint in error.detail


async def test_a_changed_host_key_is_said_loudly(server):
    with server.serving(echo_program):
        server.know(paramiko.ECDSAKey.generate())
        error = await why_not(server.target())
    assert error.reason is Reason.SSH_HOST_KEY
    assert "CHANGED" in error.detail
    assert f"ssh-keygen -R '[127.0.0.1]:{server.port}'" in error.detail


async def test_a_revoked_host_key_is_refused_though_another_line_knows_it(server):
    with server.serving(echo_program):
        server.know()
        server.know(prefix="@revoked ")
        error = await why_not(server.target())
    assert error.reason is Reason.SSH_HOST_KEY
    assert "@revoked" in error.detail


async def test_a_bad_line_in_known_hosts_does_not_hide_the_good_ones(server):
    server.known_hosts.write_text(
        "[127.0.0.1]:22 ssh-rsa !!!\nnonsense\n@cert-authority * ssh-rsa AAAA\n# note\n"
    )
    with server.serving(echo_program):
        server.know()
        shell = await login(server.target(), timeout=5)
        await shell.close()
    assert server.gates


async def test_a_key_that_is_not_accepted_is_an_authentication_failure(server, tmp_path):
    other = tmp_path / "other"
    paramiko.ECDSAKey.generate().write_private_key_file(str(other))
    with server.serving(echo_program):
        server.know()
        error = await why_not(server.target(key_file=str(other)))
    assert error.reason is Reason.SSH_AUTH


async def test_a_key_with_a_passphrase_is_never_asked_for(server, tmp_path):
    locked = tmp_path / "locked"
    server.user_key.write_private_key_file(str(locked), password="secret")
    with server.serving(echo_program):
        server.know()
        error = await why_not(server.target(key_file=str(locked)))
    assert error.reason is Reason.SSH_AUTH
    assert "ssh-add" in error.detail


async def test_a_key_file_that_is_not_there_is_named(server):
    with server.serving(echo_program):
        server.know()
        error = await why_not(server.target(key_file="/nonexistent/key"))
    assert error.reason is Reason.SSH_AUTH
    assert "/nonexistent/key" in error.detail


async def test_a_closed_port_is_refused(server):
    with server.serving(echo_program):
        pass
    error = await why_not(server.target())
    assert error.reason is Reason.REFUSED


async def test_a_service_that_is_not_ssh_is_a_protocol_error(server):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.port = listener.getsockname()[1]

        def greet() -> None:
            link, _ = listener.accept()
            with link, suppress(OSError):
                link.sendall(b"220 mx.example.org ESMTP\r\n" * 200)
                link.recv(100)

        threading.Thread(target=greet, daemon=True).start()
        error = await why_not(server.target())
    assert error.reason in {Reason.PROTOCOL, Reason.CONNECTION_LOST}


async def test_what_a_user_set_in_his_ssh_config_is_honoured(server, tmp_path):
    (tmp_path / ".ssh").mkdir()
    with server.serving(echo_program):
        server.know()
        (tmp_path / ".ssh" / "config").write_text(
            f"Host mx\n HostName 127.0.0.1\n Port {server.port}\n User auditor\n IdentityFile {server.key_file}\n"
        )
        shell = await login(SshTarget(host="mx", known_hosts=str(server.known_hosts)), timeout=5)
        result = await shell.run("true", timeout=5, limit=100)
        await shell.close()
    assert result.exit_code == 7


async def test_a_jump_host_that_forbids_forwarding_is_no_silent_success(server, tmp_path):
    (tmp_path / ".ssh").mkdir()
    with server.serving(echo_program):
        server.know()
        (tmp_path / ".ssh" / "config").write_text(
            f"Host inner\n ProxyJump auditor@127.0.0.1:{server.port}\n"
            f"Host 127.0.0.1\n IdentityFile {server.key_file}\n"
        )
        error = await why_not(SshTarget(host="inner", known_hosts=str(server.known_hosts)))
    assert error.reason is Reason.PROTOCOL


def test_the_command_line_wins_over_the_ssh_config(tmp_path):
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("Host mx\n User bob\n Port 2022\n ProxyJump a,b@c:23\n")
    route = find_route(SshTarget(host="mx", user="alice", port=2200), home=tmp_path)
    assert (route.host, route.user, route.port, route.jumps) == ("mx", "alice", 2200, ("a", "b@c:23"))


def test_a_broken_ssh_config_is_a_sentence(tmp_path):
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("Match nonsense foo bar\n")
    with pytest.raises(CannotLook) as caught:
        find_route(SshTarget(host="mx"), home=tmp_path)
    assert caught.value.reason is Reason.MALFORMED


@pytest.mark.parametrize(
    ("text", "user", "host", "port"),
    [
        ("mx.example.org", None, "mx.example.org", 22),
        ("root@mx.example.org:2222", "root", "mx.example.org", 2222),
        ("[2001:db8::1]:2222", None, "2001:db8::1", 2222),
        ("admin@2001:db8::1", "admin", "2001:db8::1", 22),
    ],
)
def test_destinations_are_read_as_people_write_them(text, user, host, port):
    target = parse_destination(text)
    assert (target.user, target.host, target.port) == (user, host, port)


@pytest.mark.parametrize("text", ["", "@", "mx:x", "mx:0", "mx:70000", "user@"])
def test_a_destination_that_is_none_is_refused(text):
    with pytest.raises(CannotLook):
        parse_destination(text)


@pytest.mark.parametrize(
    "error", [kind("said") for kind in EDGE_ERRORS if kind is not paramiko.hostkeys.InvalidHostKey]
)
def test_every_error_of_the_edge_has_a_meaning(error):
    assert explain(error, "mx").detail.startswith("mx: ")
