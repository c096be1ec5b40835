"""The real edge is put together so that each door opens."""

import socket

import pytest

from auditor.model import Reason, SshTarget
from auditor.net import CannotLook
from auditor.transport.network import RealNetwork
from tests.scripted import ScriptedResolver


async def test_a_login_at_a_closed_port_cannot_look():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        network = RealNetwork(ScriptedResolver({}), timeout=2.0)

        with pytest.raises(CannotLook) as told:
            await network.shell(SshTarget(host="127.0.0.1", port=port))

    assert told.value.reason is Reason.REFUSED


async def refused(network: RealNetwork, port: int) -> bool:
    try:
        stream = await network.connect("127.0.0.1", port)
    except CannotLook as told:
        return told.reason is Reason.REFUSED
    await stream.close()
    return False


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


async def test_a_port_that_refused_is_asked_once_per_scan():
    port = free_port()
    network = RealNetwork(ScriptedResolver({}), timeout=2.0)
    assert await refused(network, port)
    with socket.create_server(("127.0.0.1", port)):
        assert await refused(network, port)
        assert not await refused(RealNetwork(ScriptedResolver({}), timeout=2.0), port), (
            "the next scan asks again"
        )


async def test_a_port_that_was_open_before_is_asked_again():
    """A firewall that refuses a burst of connections has not closed the port."""
    network = RealNetwork(ScriptedResolver({}), timeout=2.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not await refused(network, port)
    assert await refused(network, port)
    with socket.create_server(("127.0.0.1", port)):
        assert not await refused(network, port)
