"""The event loop for scans: uvloop where it is installed, and a collector of garbage that does not get in the way."""

import asyncio
import gc
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeVar

T = TypeVar("T")

NEW_OBJECTS = 200_000
"""Between two rounds of the cycle collector. A scan of a thousand domains makes millions of objects and keeps
most of them as evidence: with the interpreter's default the rounds alone cost 40 % of its CPU time (measured)."""


class Loop:
    """Runs coroutines, one after the other."""

    def __init__(self, running: asyncio.Runner) -> None:
        self._running = running

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for its result.

        The task that asyncio.Runner gets has none: when it gives its SIGINT handler back, an error text that
        nobody reads takes repr() of the finished task (CPython 3.11, enum lookup in signal.signal), and of
        a scan of a thousand domains that is seconds and megabytes.
        """
        kept: list[T] = []

        async def keep() -> None:
            kept.append(await work)

        self._running.run(keep())
        return kept[0]


@contextmanager
def runner() -> Iterator[Loop]:
    """Behaviour does not depend on which loop it is."""
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    if find_spec("uvloop") is not None:
        factory = import_module("uvloop").new_event_loop
    before = gc.get_threshold()
    gc.set_threshold(NEW_OBJECTS, *before[1:])
    try:
        with asyncio.Runner(loop_factory=factory) as running:
            yield Loop(running)
    finally:
        gc.set_threshold(*before)
