"""Three clocks at once, because the wall clock of a host in trouble may be set back in the middle of it."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Instant(Struct, frozen=True, kw_only=True):
    """One moment: UTC for people, monotonic nanoseconds and the boot they count from for arithmetic."""

    utc: str
    mono_ns: int
    boot: str

    def wall(self) -> datetime:
        """The UTC time as a datetime."""
        return datetime.fromisoformat(self.utc)


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> Instant:
        """The present moment."""
        ...


class SystemClock:
    """The clock of the machine that the tool runs on."""

    def now(self) -> Instant:
        """The present moment; the monotonic part goes on while the machine sleeps."""
        wall = datetime.fromtimestamp(time.time(), UTC)
        try:
            boot = _BOOT_ID.read_text("ascii").strip()
        except OSError:
            boot = "unknown"
        return Instant(
            utc=wall.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            mono_ns=time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)),
            boot=boot,
        )


def elapsed(earlier: Instant, later: Instant) -> float:
    """Seconds between two moments, never negative.

    In one boot the monotonic clock decides, so a wall clock that is set back by five minutes changes no deadline;
    across a reboot there is only the wall clock.
    """
    if earlier.boot == later.boot != "unknown":
        return max(0.0, (later.mono_ns - earlier.mono_ns) / 1e9)
    return max(0.0, (later.wall() - earlier.wall()).total_seconds())
