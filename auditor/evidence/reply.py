"""Replies of an SMTP server (RFC 5321 section 4.2): bytes in, replies out, no I/O.

What arrives is hostile, so a reply is bounded in lines and bytes, and a parser never holds more than that.
"""

import re
from dataclasses import dataclass, field

MAX_LINE = 4_096
"""Octets kept of one line; RFC 5321 section 4.5.3.1.5 asks for 512. The rest of the line is dropped."""
MAX_LINES = 200
"""Lines of one reply; the longest EHLO seen in the field has about 30."""
MAX_REPLY = 65_536
"""Octets of one reply, dropped ones included."""

_LINE = re.compile(rb"([2-5][0-9]{2})([ -]?)(.*)", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?:\s|$)")


class Malformed(ValueError):
    """These bytes are no SMTP reply, or one too long to be honest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One reply. Text is as received, undecodable bytes as backslash escapes, control characters still in it."""

    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """All lines in one, as people quote replies."""
        return " ".join(self.lines)

    @property
    def enhanced(self) -> str | None:
        """The enhanced status code (RFC 3463), where the server gives one."""
        found = _ENHANCED.match(self.lines[0])
        return found[1] if found else None

    @property
    def positive(self) -> bool:
        """2yz: the server did as it was told."""
        return self.code // 100 == 2

    def __str__(self) -> str:
        return f"{self.code} {self.text}".strip()


@dataclass(slots=True)
class ReplyParser:
    """Feed it what was received; it gives every reply that is complete. Raises Malformed and is then of no use."""

    _line: bytearray = field(default_factory=bytearray)
    _lines: list[str] = field(default_factory=list)
    _code: int = 0
    _octets: int = 0

    @property
    def idle(self) -> bool:
        """Nothing of a further reply has arrived."""
        return self._octets == 0

    def feed(self, data: bytes) -> list[Reply]:
        """Replies completed by these bytes, in order."""
        complete = []
        *ended, rest = data.split(b"\n")
        for piece in ended:
            line = piece[:MAX_LINE]
            self._count(len(piece) + 1)
            if self._line:  # it began in what was fed before
                self._keep(piece)
                line, self._line = bytes(self._line), bytearray()
            reply = self._end_line(line.removesuffix(b"\r"))
            if reply is not None:
                complete.append(reply)
        self._count(len(rest))
        self._keep(rest)
        return complete

    def _count(self, octets: int) -> None:
        self._octets += octets
        if self._octets > MAX_REPLY:
            raise Malformed(f"a reply of more than {MAX_REPLY} octets")

    def _keep(self, piece: bytes) -> None:
        self._line += piece[: MAX_LINE - len(self._line)]

    def _end_line(self, line: bytes) -> Reply | None:
        found = _LINE.fullmatch(line)
        if found is None:
            raise Malformed(f"no SMTP reply: {line[:80]!r}")
        code, mark, text = int(found[1]), found[2], found[3]
        if self._lines and code != self._code:
            raise Malformed(f"codes {self._code} and {code} in one reply")
        self._code = code
        self._lines.append(text.decode("utf-8", errors="backslashreplace"))
        if mark == b"-":
            if len(self._lines) >= MAX_LINES:
                raise Malformed(f"a reply of more than {MAX_LINES} lines")
            return None
        reply = Reply(code=code, lines=tuple(self._lines))
        self._lines.clear()
        self._octets = 0
        return reply
