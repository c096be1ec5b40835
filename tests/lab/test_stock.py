"""What Debian installs, scanned from outside and inside: every finding is written down and was read by a person.

The canary is the administrator's own mailbox on the host, so that a message is handed over and nothing is unknown.

`pytest tests/lab/test_stock.py --rewrite-golden` writes the files of golden/ anew. Read each line of the difference before
you commit it: is it true of this package, and would its reader know what to do?
"""

import difflib
from pathlib import Path

import pytest

from tests.lab import golden
from tests.lab.admin import Admin
from tests.lab.fixtures import COMBINATIONS
from tests.lab.laboratory import Lab
from tests.lab.test_hardened import LIST
from tests.lab.watching import unit_of

pytestmark = pytest.mark.lab


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_a_stock_host_is_found_as_it_was_read_and_reviewed(
    lab: Lab, tmp_path: Path, request: pytest.FixtureRequest, release: str, mta: str
):
    lab.names.blocklist(LIST)
    # A host of its own: nobody has spoken to it yet, and Sendmail counts who does.
    host = lab.host(
        f"mx1.{mta}-{release}-golden.example",
        release=release,
        mta=mta,
        v4="198.51.100.61",
        v6="2001:db8:100::61",
    )
    admin = Admin(lab=lab, folder=tmp_path)
    admin.inventory(host)
    findings = admin.scan(host.name, "-i", "hosts.yml", "--dnsbl", LIST, "--canary", f"admin@{host.domain}")
    (restart,) = [f for f in findings.values() if f["check"] == "service-restarts-on-failure"]
    said = {row["unit"]: row["Restart"] for row in restart["observed"]}
    configured = {unit: host.sh(f"systemctl show -P Restart {unit}").strip() for unit in said}
    lab.drop(host)

    assert [f["check"] for f in findings.values() if f["status"] in {"unknown", "crash"}] == []
    assert said == configured == {f"{unit_of(release, mta)}.service": "no", "dovecot.service": "no"}
    path = golden.FOLDER / f"{release}-{mta}.txt"
    seen = golden.render(findings.values(), host)
    if request.config.getoption("--rewrite-golden"):
        path.write_text(seen, encoding="utf-8")
        pytest.skip(f"wrote {path.name}: read it before you commit it")
    reviewed = path.read_text(encoding="utf-8")
    changed = difflib.unified_diff(
        reviewed.splitlines(), seen.splitlines(), "reviewed", "seen now", lineterm="", n=0
    )
    assert seen == reviewed, "\n" + "\n".join(changed)
