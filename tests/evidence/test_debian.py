"""Debian's order of versions, compared with dpkg's own where there is one."""

import shutil
import subprocess
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.evidence.debian import left_behind, parse_archive, parse_installed, version_key

IN_ORDER = [
    "1.0~rc1-1",
    "1.0~rc1-1+b1",
    "1.0-1~bpo12+1",
    "1.0-1",
    "1.0-1+deb12u1",
    "1.0-1+deb12u10",
    "1.0-2",
    "1.0a-1",
    "1.0+dfsg-1",
    "1.0.1-1",
    "1.10-1",
    "2:0.1",
]


@pytest.mark.parametrize(("older", "newer"), list(pairwise(IN_ORDER)))
def test_versions_sort_as_in_debian(older, newer):
    assert version_key(older) < version_key(newer)


@pytest.mark.parametrize(("older", "newer"), [("0a", "1"), ("1-0~", "1"), ("1", "1-0a"), ("0~", "0")])
def test_a_zero_is_counted_where_something_follows_it(older, newer):
    assert version_key(older) < version_key(newer)
    assert version_key("1") == version_key("1-0")


VERSIONS = st.from_regex(r"(?:[0-9]:)?[0-9][0-9a-c.+~]{0,6}(?:-[0-9a-c+~]{1,4})?", fullmatch=True)


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="dpkg is the judge here, and it is not installed")
@settings(max_examples=60, deadline=None)
@given(VERSIONS, VERSIONS)
def test_the_order_is_dpkg_s(left, right):
    older = subprocess.run(["dpkg", "--compare-versions", left, "lt", right], check=False).returncode == 0
    assert (version_key(left) < version_key(right)) is older


def test_only_installed_packages_that_the_archive_has_newer_are_left_behind():
    installed = parse_installed(
        "installed libssl3 3.0.15-1~deb12u1\nconfig-files vim 1\ninstalled exim4 4.98.2-1~bpo12+1\n"
    )
    archive = parse_archive(
        "Package: libssl3\nVersion: 3.0.16-1~deb12u1\n\nPackage: exim4\nVersion: 4.96-15+deb12u7\n\n"
        "Package: libssl3\nVersion: 3.0.14-1\n\nPackage: vim\nVersion: 9\nPackage: broken\n"
    )
    assert left_behind(installed, archive) == (("libssl3", "3.0.16-1~deb12u1"),)
