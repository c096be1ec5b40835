"""The command line against a scripted network."""

import io
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from auditor.cli import _scanning
from auditor.cli.scan import command
from tests.catalogue import registry
from tests.scripted import ScriptedNetwork, ScriptedStream


@dataclass
class Ran:
    code: int
    out: str
    err: str


TABLE = {
    ("example.org", "MX"): ("10 mx1.example.org.",),
    ("example.org", "TXT"): ("v=policy",),
    ("mx1.example.org", "A"): ("198.51.100.10",),
}


@pytest.fixture
def network():
    return ScriptedNetwork(TABLE, dial=lambda *_: ScriptedStream([b"220 mx1.example.org\r\n"]))


@pytest.fixture
def scan(network, monkeypatch):
    """`auditor scan` with these words."""
    monkeypatch.setattr(_scanning, "load", registry)

    def run(*words: str, over=None) -> Ran:
        @asynccontextmanager
        async def opener():
            yield over or network

        out, err = io.StringIO(), io.StringIO()
        with command.make_context("scan", list(words)) as context:
            code = _scanning.main(context.params, opener=opener, terminal=_scanning.Terminal(out, err))
        return Ran(code, out.getvalue(), err.getvalue())

    return run
