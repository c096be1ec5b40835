"""On a weak host every check that the mission names fails, and says what is wrong, where, and by which evidence.

One scan from outside and inside for each mail program and release feeds all of these tests. What the hosts are is proven
without auditor's eyes in test_profiles.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.lab.admin import Admin
from tests.lab.fixtures import COMBINATIONS
from tests.lab.laboratory import Lab
from tests.lab.machine import Host
from tests.lab.profile import DKIM_SELECTORS, parked
from tests.lab.test_hardened import LIST, STARRED
from tests.lab.watching import listener, unit_of

pytestmark = pytest.mark.lab
RELAY = {"relay-closed", "relay-rewritten-closed", "relay-submission-closed"}
OFFERS_TLS = {"postfix", "exim4"}
"""Stock OpenSMTPD and Sendmail have no certificate."""
REFUSAL = {
    "postfix": "550 5.1.1 <{}>: Recipient address rejected: no such mailbox",
    "exim4": "550 restricted characters in address",
    "opensmtpd": "550 Invalid recipient: <{}>",
    "sendmail": "550 5.1.1 <{}>... User unknown",
}
UNKNOWN = {
    "postfix": {"outbound-abuse-absent"},
    "exim4": {"outbound-abuse-absent", "bare-newline-refused", "hostmaster-accepted", "security-accepted"},
    "opensmtpd": {"bare-newline-refused"},
    "sendmail": {"outbound-abuse-absent", "bare-newline-refused"},
}
WHY_UNKNOWN = {
    "bare-newline-refused": ("not-consented", "give --canary"),
    "outbound-abuse-absent": ("unsupported", "the mail log has no line of the last day"),
    "hostmaster-accepted": ("not-asked", "takes mail from anybody to anybody"),
    "security-accepted": ("not-asked", "takes mail from anybody to anybody"),
}
"""Postfix says itself what it does with bare newlines. Exim asks no rule about recipients of whom it relays for. OpenSMTPD logs
no logins at all, so there the question does not apply."""


@dataclass(frozen=True, kw_only=True)
class Scanned:
    """A weak host and what one scan found on it."""

    host: Host
    findings: dict[tuple[str, str], dict[str, Any]] = field(repr=False)

    def failed(self, check: str, subject: str = "") -> dict[str, Any]:
        """The finding of a check on the host itself or on `subject`, which has to have failed."""
        found = self.findings[check, subject or self.host.name]
        assert found["status"] == "failed", found["summary"]
        return found

    @property
    def parked(self) -> str:
        """The other domain of the same owner."""
        return parked(self.host.domain)

    @property
    def addresses(self) -> set[str]:
        return {self.host.v4, self.host.v6}


@pytest.fixture(scope="module", params=COMBINATIONS, ids="-".join)
def weak(
    lab: Lab, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scanned]:
    release, mta = request.param
    lab.names.blocklist(LIST)
    # A host of its own: nobody has spoken to it yet, and Sendmail counts who does.
    host = lab.host(
        f"mx1.{mta}-{release}-found.example",
        release=release,
        mta=mta,
        profile="weak",
        v4="198.51.100.60",
        v6="2001:db8:100::60",
        ports=(25, 587),
    )
    admin = Admin(lab=lab, folder=tmp_path_factory.mktemp("admin"))
    admin.inventory(
        host,
        mail_domains=[host.domain, parked(host.domain)],
        mail_dkim_selectors=list(DKIM_SELECTORS["weak"]),
    )
    yield Scanned(host=host, findings=admin.scan(host.name, "-i", "hosts.yml", "--dnsbl", LIST))
    lab.drop(host)


def test_every_check_that_the_mission_names_fails(weak: Scanned):
    failed = {check for (check, _), finding in weak.findings.items() if finding["status"] == "failed"}
    assert STARRED - failed == set()


def test_every_failure_names_its_repair_and_its_runbook(weak: Scanned):
    failures = [finding for finding in weak.findings.values() if finding["status"] == "failed"]
    assert [f["check"] for f in failures if not (f["remedy"] and f["runbook"])] == []


def test_nothing_is_unknown_but_what_could_not_be_asked(weak: Scanned):
    unknown = {
        check: (finding["reason"], finding["summary"])
        for (check, _), finding in weak.findings.items()
        if finding["status"] in {"unknown", "crash"}
    }
    assert set(unknown) == UNKNOWN[weak.host.mta], unknown
    for check, (reason, words) in WHY_UNKNOWN.items():
        if check in unknown:
            assert unknown[check][0] == reason
            assert words in unknown[check][1]


@pytest.mark.parametrize("check", sorted(RELAY))
def test_a_relay_is_shown_at_each_address_with_what_was_said_and_answered(weak: Scanned, check: str):
    found = weak.failed(check)
    port = 587 if check == "relay-submission-closed" else 25
    assert found["severity"] == "critical"
    assert {(row["address"], row["port"]) for row in found["observed"]} == {(a, port) for a in weak.addresses}
    for row in found["observed"]:
        assert row["reply"].startswith("250")
        assert row["mail_from"] == "<>" or row["mail_from"].startswith(("<auditor-", "<audit@"))
        assert "vantage.example" in row["rcpt_to"] or "[" in row["rcpt_to"]


def test_a_relay_is_found_before_and_after_starttls(weak: Scanned):
    forms = {(r["tls"], r["form"]) for r in weak.failed("relay-closed")["observed"]}
    expected = {False, True} if weak.host.mta in OFFERS_TLS else {False}
    assert {tls for tls, form in forms if form == "stranger to stranger"} == expected


@pytest.mark.parametrize("role", ["postmaster", "abuse"])
def test_a_role_that_nobody_reads_is_shown_with_the_server_s_refusal(weak: Scanned, role: str):
    address = f"{role}@{weak.host.domain}"
    (row,) = weak.failed(f"{role}-accepted", weak.host.domain)["observed"]
    assert (row["host"], row["rcpt_to"]) == (weak.host.name, f"<{address}>")
    assert row["reply"] == REFUSAL[weak.host.mta].format(address)


def test_the_transaction_ends_at_the_recipient_and_not_at_the_greeting(weak: Scanned):
    rows = weak.failed("smtp-transaction-completes")["observed"]
    steps = {"RCPT in clear"} | ({"RCPT after STARTTLS"} if weak.host.mta in OFFERS_TLS else set())
    assert {(row["address"], row["step"]) for row in rows} == {(a, s) for a in weak.addresses for s in steps}
    assert {row["reply"] for row in rows} == {REFUSAL[weak.host.mta].format(f"postmaster@{weak.host.domain}")}


def test_two_spf_records_are_shown_both(weak: Scanned):
    found = weak.failed("spf-single-valid-record", weak.host.domain)
    assert found["summary"].endswith("has 2 SPF records")
    records = [row["record"] for row in found["observed"] if "record" in row]
    assert sorted(record.split()[-1] for record in records) == ["+all", "?all"]


def test_an_spf_record_that_costs_too_much_and_lets_everybody_is_shown(weak: Scanned):
    costly = weak.failed("spf-lookups-within-limit", weak.parked)
    assert costly["summary"].startswith("11 look-ups are needed, 10 are allowed")
    assert weak.failed("spf-policy-restrictive", weak.parked)["severity"] == "critical"
    assert weak.failed("spf-policy-restrictive", weak.parked)["summary"].endswith("+all")


def test_the_missing_selector_and_the_short_key_are_named(weak: Scanned):
    assert weak.failed("dkim-key-published", weak.host.domain)["observed"] == [{"selector": "mail"}]
    (row,) = weak.failed("dkim-key-strong", weak.host.domain)["observed"]
    assert row["selector"] == "old"
    assert "512 bits" in row["fault"]


def test_no_dmarc_record_and_one_that_asks_for_nothing(weak: Scanned):
    assert weak.failed("dmarc-valid", weak.host.domain)["summary"] == "no DMARC record"
    rows = weak.failed("dmarc-policy-enforced", weak.parked)["observed"]
    assert {"record": "v=DMARC1; p=none"} in rows


def test_a_refusal_that_left_no_line_is_shown_with_the_scan_s_own_label(weak: Scanned):
    found = weak.failed("mail-log-written")
    (row,) = found["observed"]
    assert row["mail_from"].startswith("<auditor-")
    assert row["reply"].startswith("550")
    assert found["severity"] == "critical"


def test_a_log_in_memory_that_nobody_else_gets_is_shown(weak: Scanned):
    assert weak.failed("log-persistent")["observed"] == [
        {"Storage": "volatile", "/var/log/journal": False, "syslog daemon": ""}
    ]
    assert weak.failed("log-retained")["summary"] == "mail logs are kept 0 days, not 90"
    assert weak.failed("log-shipped-off-host")["summary"] == "no running daemon sends the log to another host"


def test_a_listener_started_by_hand_is_shown_with_its_process_and_its_session(weak: Scanned):
    (row,) = weak.failed("listener-owned-by-unit")["observed"]
    holder = listener(weak.host)
    assert str(row["pid"]) in {holder, weak.host.sh(f"ps -o ppid= -p {holder}").strip()}, "OpenSMTPD's parent"
    assert (row["ports"], row["kept by"]) == ("25 587", "started by hand")
    assert row["in"] == weak.host.read(f"/proc/{row['pid']}/cgroup").strip().rpartition("/")[2]


def test_what_was_started_by_hand_neither_comes_back_nor_starts_at_boot(weak: Scanned):
    (back,) = weak.failed("service-restarts-on-failure")["observed"]
    (boot,) = weak.failed("service-enabled-at-boot")["observed"]
    assert back["unit"].endswith("(no unit)")
    assert back["state"] == boot["state"] == "started by hand"
    assert boot["unit"].startswith("session-")
    unit = unit_of(weak.host.release, weak.host.mta)
    assert weak.host.sh(f"systemctl show -P MainPID {unit}").strip() == "0"


def test_a_service_that_is_restarted_for_ever_is_shown(weak: Scanned):
    (row,) = weak.failed("service-not-flapping")["observed"]
    assert row["unit"] == "dovecot.service"
    assert row["restarts"] > 0, "its Result is that of the last end, and success again while it starts"


def test_helpers_started_by_hand_are_shown_by_their_place(weak: Scanned):
    rows = weak.failed("helpers-supervised")["observed"]
    expected = {"inet:127.0.0.1:53"} | ({"inet:127.0.0.1:10040"} if weak.host.mta == "postfix" else set())
    assert {row["helper"] for row in rows} == expected
    assert {row["fault"] for row in rows} == {"was started by hand"}
