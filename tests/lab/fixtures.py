"""pytest's door to the laboratory: imported by tests/conftest.py, so every test may ask for these fixtures."""

from collections.abc import Iterator
from typing import Final, Protocol

import pytest

from tests.lab.images import MTAS, RELEASES
from tests.lab.laboratory import Lab, why_not
from tests.lab.machine import Host
from tests.lab.watching import Box, canary_box

COMBINATIONS: Final = [(release, mta) for release in RELEASES for mta in MTAS]
COLD_BUILD_SECONDS: Final = 900


class MailHosts(Protocol):
    """Boots a host the first time a combination is asked for and hands out the same one after that."""

    def __call__(self, release: str, mta: str, profile: str = "stock") -> Host:
        """The host ``mx1.<mta>-<release>-<profile>.example``."""


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A laboratory for the whole run; it is taken down whatever happens."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with Lab() as laboratory, pytest.MonkeyPatch.context() as patch:
        # Ansible keeps connections open by address, and another laboratory's hosts have the same ones.
        patch.setenv("ANSIBLE_SSH_CONTROL_PATH_DIR", str(tmp_path_factory.mktemp("cp")))
        yield laboratory


@pytest.fixture(scope="session")
def canary(lab: Lab) -> Iterator[Box]:
    """A mailbox outside, box@canary.example, that keeps what it gets."""
    with canary_box(lab) as box:
        yield box


@pytest.fixture(scope="session")
def mail_host(lab: Lab) -> MailHosts:
    """Shared hosts. A test leaves one as it found it, or calls ``host.fresh()`` when it is done."""
    booted: dict[tuple[str, str, str], Host] = {}
    failed: set[tuple[str, str, str]] = set()

    def host(release: str, mta: str, profile: str = "stock") -> Host:
        wanted = (release, mta, profile)
        if wanted in failed:
            pytest.fail("this host did not boot: see the first test that asked for it")
        if wanted not in booted:
            number = 100 + len(booted) + len(failed)
            failed.add(wanted)
            booted[wanted] = lab.host(
                f"mx1.{mta}-{release}-{profile}.example",
                release=release,
                mta=mta,
                profile=profile,
                v4=f"198.51.100.{number}",
                v6=f"2001:db8:100::{number}",
            )
            failed.remove(wanted)
        return booted[wanted]

    return host


def allow_cold_builds(items: list[pytest.Item]) -> None:
    """Give laboratory tests the time that building an image takes, the first time."""
    for item in items:
        if item.get_closest_marker("lab") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(COLD_BUILD_SECONDS))
