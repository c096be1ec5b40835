"""Fixtures that every room's tests may ask for."""

import pytest

from tests.lab.fixtures import allow_cold_builds, canary, lab, mail_host

__all__ = ["canary", "lab", "mail_host"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    allow_cold_builds(items)
