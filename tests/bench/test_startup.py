"""How long a person waits for `auditor --help`, against a bare interpreter in the same run."""

import subprocess
import sys
import time

import pytest

BOUND = 0.15
"""Seconds (design, section 10)."""
RUNS = 9


def seconds(*words: str) -> float:
    """The fastest of several runs: what the program costs, without what else the machine does."""
    taken = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, capture_output=True)
        taken.append(time.perf_counter() - begun)
    return min(taken)


@pytest.mark.bench
def test_help_is_there_at_once():
    bare, click, whole = (
        seconds("-c", "pass"),
        seconds("-c", "import click"),
        seconds("-m", "auditor", "--help"),
    )
    print(f"\nbare {bare * 1000:.0f} ms, click {click * 1000:.0f} ms, auditor --help {whole * 1000:.0f} ms")
    print(f"auditor --help is {whole / bare:.1f} x a bare interpreter")
    assert whole <= BOUND
