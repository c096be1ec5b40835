"""Fixtures that every room's tests may ask for."""

import pytest

from tests.lab.fixtures import allow_cold_builds, canary, lab, mail_host

__all__ = ["canary", "lab", "mail_host"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--trial",
        action="store_true",
        help="run also what is marked trial: written, and not yet seen green as a whole on a quiet machine",
    )
    parser.addoption(
        "--rewrite-golden",
        action="store_true",
        help="write what stock hosts show now over tests/lab/golden, to be read line by line before it is committed",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    allow_cold_builds(items)
    if config.getoption("--trial"):
        return
    for item in items:
        if trial := item.get_closest_marker("trial"):
            why = trial.args[0]
            item.add_marker(pytest.mark.skip(reason=f"on trial, --trial runs it: {why}"))
