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
