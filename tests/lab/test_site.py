"""`site.yml` as a whole, on weak hosts of two programs and releases: everything that can be done, once, and no harm."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import yaml

from tests.lab.admin import Admin, ansible_variables
from tests.lab.laboratory import Lab
from tests.lab.machine import Host
from tests.lab.watching import serves

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]
PAIRS = (("bookworm", "postfix"), ("trixie", "exim4"))
TOLD = {
    "postfix": {"mail_log_host": "loghost.example:6514", "mail_contacts": {"owner": {"mail": "admin"}}},
    "exim4": {},
}
"""One admin has answered what is asked, the other nothing but which domain it is."""


@pytest.fixture
def hosts(lab: Lab) -> Iterator[tuple[Host, ...]]:
    def boot(number: int) -> Host:
        release, mta = PAIRS[number]
        address = {"v4": f"198.51.100.{220 + number}", "v6": f"2001:db8:100::{220 + number}"}
        return lab.host(f"mx1.site-{mta}.example", release=release, mta=mta, profile="weak", **address)

    lab.loghost()
    with ThreadPoolExecutor() as pool:
        booted = tuple(pool.map(boot, range(len(PAIRS))))
    yield booted
    for host in booted:
        lab.drop(host)


@pytest.fixture
def admin(lab: Lab, hosts: tuple[Host, ...], tmp_path) -> Admin:
    said = {
        host.name: {"mail_domains": [host.domain]} | ansible_variables(host) | TOLD[host.mta]
        for host in hosts
    }
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"mail_hosts": {"hosts": said}}), encoding="utf-8")
    return Admin(lab=lab, folder=tmp_path)


def everything(admin: Admin, hosts: tuple[Host, ...]) -> dict[str, list[str]]:
    """Host -> tasks that changed something. The hosts side by side, which site.yml itself takes one after the other."""

    def run(host: Host) -> list[str]:
        done = admin.playbook("site", "-l", host.name, timeout=1200)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-1000:]
        assert "PLAY [Drop what no rule allows]" in done.stdout, "it came to the end"
        tasks = re.split(r"(?m)^TASK ", done.stdout)
        return [task.partition("\n")[0] for task in tasks if re.search(r"(?m)^changed: ", task)]

    with ThreadPoolExecutor() as pool:
        return dict(zip([host.name for host in hosts], pool.map(run, hosts), strict=True))


def seen(admin: Admin) -> dict[tuple[str, str], dict[str, Any]]:
    return admin.scan("-i", "hosts.yml")


@pytest.mark.trial("green once, in ten minutes on a busy machine; how long it takes alone is not known")
def test_all_of_it_is_done_once_and_harms_nothing(lab: Lab, hosts: tuple[Host, ...], admin: Admin):
    before = seen(admin)
    assert all(everything(admin, hosts).values())
    assert everything(admin, hosts) == {host.name: [] for host in hosts}

    lab.names.resolver_forget()
    after = seen(admin)
    harmed = {
        key: (after[key]["status"], after[key]["summary"])
        for key, finding in before.items()
        if finding["status"] == "passed" and after[key]["status"] != "passed"
    }
    assert harmed == {}
    assert all(serves(lab, host, "admin") for host in hosts)
