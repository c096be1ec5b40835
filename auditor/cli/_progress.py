"""Signs of life on standard error while a long scan runs: one moving line on a terminal, few lines in a log."""

import sys
import time
from types import TracebackType
from typing import Self, TextIO

from auditor.collect import Key
from auditor.report.wording import visible

FIRST = 2.0
"""Seconds of silence before the first sign: a short scan needs none."""
EVERY = {True: 0.2, False: 15.0}
"""Seconds between two signs, on a terminal and elsewhere."""


class Progress:
    """Counts the pieces of evidence as they come in."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._begun = time.monotonic()
        self._next = self._begun + FIRST
        self._count = 0
        self._shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave a clean line."""
        if self._shown and self._terminal:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def seen(self, key: Key) -> None:
        """One more piece of evidence was looked for."""
        self._count += 1
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + EVERY[self._terminal]
        _, subject, kind = key
        told = f"auditor: {now - self._begun:.0f} s, {self._count} things looked at, last {kind.__name__} of {visible(subject)}"
        self._shown = True
        self._stream.write(f"\r\x1b[K{told[:78]}" if self._terminal else f"{told}\n")
        self._stream.flush()
