"""What a playbook makes of records that are published already, and how it writes them for people and for octoDNS."""

import errno
import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from tests.playbooks.on_host import loaded

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"


def load(path: str):
    spec = importlib.util.spec_from_file_location(Path(path).stem, PLAYBOOKS / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


records, steps, text = (
    load(path)
    for path in (
        "filter_plugins/mail_records.py",
        "module_utils/policy_steps.py",
        "module_utils/zone_text.py",
    )
)
sts = load("library/sts_policies.py")
REPORTS = "dmarc@example.org"


def enforced(*present: str, towards: str = "reject", sends: bool = True) -> str:
    wanted = records.dmarc_record("example.org", "none", REPORTS, towards, sends=sends)
    return steps.settled(wanted, list(present))["value"]


@pytest.mark.parametrize(
    ("present", "after"),
    [
        ("v=DMARC1; p=none; rua=mailto:x@y.example", "v=DMARC1; p=quarantine; rua=mailto:x@y.example"),
        ("v=DMARC1;p=quarantine;fo=1;adkim=s", "v=DMARC1; p=reject; fo=1; adkim=s"),
        ("v=DMARC1; p=reject; ruf=mailto:f@y.example", "v=DMARC1; p=reject; ruf=mailto:f@y.example"),
        ("v=DMARC1; p=reject; sp=none; pct=20; t=y", "v=DMARC1; p=reject"),
        ("v=DMARC1; p=none; sp=reject", "v=DMARC1; p=quarantine; sp=reject"),
    ],
)
def test_the_ladder_is_climbed_one_step_at_a_time_and_nothing_else_is_lost(present: str, after: str):
    assert enforced(present) == after


def test_the_ladder_ends_where_it_was_told_to_end_and_never_leads_down():
    assert enforced("v=DMARC1; p=quarantine", towards="quarantine") == "v=DMARC1; p=quarantine"
    assert enforced("v=DMARC1; p=reject", towards="quarantine") == "v=DMARC1; p=reject"


@pytest.mark.parametrize(
    "present", [(), ("v=DMARC1; p=none", "v=DMARC1; p=reject"), ("v=DMARC1; rua=mailto:x@y.example",)]
)
def test_without_one_valid_record_the_ladder_begins_with_reports(present: tuple[str, ...]):
    assert enforced(*present) == f"v=DMARC1; p=none; rua=mailto:{REPORTS}"


def test_a_domain_that_sends_nothing_goes_to_reject_at_once_and_keeps_its_reports():
    kept = enforced("v=DMARC1; p=none; rua=mailto:x@y.example", sends=False)
    assert kept == "v=DMARC1; p=reject; rua=mailto:x@y.example"
    assert enforced(sends=False) == "v=DMARC1; p=reject"


def test_a_run_that_is_not_asked_to_climb_leaves_every_step_that_was_reached():
    wanted = records.dmarc_record("example.org", "none", REPORTS)
    for policy in records.LADDER:
        present = f"v=DMARC1; p={policy}; pct=50"
        assert steps.settled(wanted, [present])["value"] == present


def test_spf_keeps_every_mechanism_that_is_published_and_ends_in_a_refusal():
    wanted = records.spf_record("example.org", ["192.0.2.1"], [])
    settled = steps.settled(wanted, ["v=spf1 include:_spf.example.net ~all", "other"])
    assert settled["value"] == "v=spf1 include:_spf.example.net mx ip4:192.0.2.1 -all"


def test_two_spf_records_become_the_same_one_in_whatever_order_they_are_answered():
    wanted = records.spf_record("example.org", ["192.0.2.1"], [])
    two = ["v=spf1 mx ~all", "v=spf1 include:_spf.example.net +all"]
    one = "v=spf1 include:_spf.example.net mx ip4:192.0.2.1 -all"
    assert [steps.settled(wanted, present)["value"] for present in (two, two[::-1])] == [one, one]


def test_a_null_mx_yields_to_hosts_that_take_mail_and_is_left_out_for_a_domain_that_does():
    spf, dmarc, null = records.silent_records("parked.example", takes_mail=False)
    assert (spf["value"], dmarc["value"], null["value"]) == ("v=spf1 -all", "v=DMARC1; p=reject", "0 .")
    assert "it has MX hosts" in null["taken"]
    assert "MX" not in [one["type"] for one in records.silent_records("quiet.example", takes_mail=True)]


def test_the_id_of_a_policy_that_somebody_else_keeps_stays_and_ours_follows_the_policy():
    wanted = records.sts_record("example.org", "auditor0123456789abcdef")
    assert steps.settled(wanted, ["v=STSv1; id=20261121;"])["value"] == "v=STSv1; id=20261121;"
    assert steps.settled(wanted, ["v=STSv1; id=auditorold"])["value"].endswith("id=auditor0123456789abcdef")
    assert steps.settled(wanted, ["v=STSv1; id=no-good"])["value"].endswith("id=auditor0123456789abcdef")


@pytest.mark.parametrize(
    ("policy", "complaint"),
    [
        (sts.text_of(["mx1.example.org"], "testing", 604800), ""),
        ("version: STSv1\nmode: enforce\nmx: *.example.org\nmax_age: 86400\n", ""),
        ("version: STSv1\nmode: enforce\nmx: mx2.example.org\nmax_age: 86400\n", "no mx: line"),
        ("version: STSv1\nmode: enforce\nmx: *.org\nmax_age: 86400\n", "no mx: line"),
        ("version: STSv1\nmode: none\nmax_age: 86400\n", "protects nothing"),
        ("version: STSv1\nmode: testing\nmx: mx1.example.org\nmax_age: soon\n", "max_age"),
        ("mode: testing\nversion: STSv1\n", "does not begin"),
        ("", "does not begin"),
    ],
)
def test_a_policy_that_senders_could_not_follow_is_not_announced(policy: str, complaint: str):
    told = sts.complaint_of(policy, ["mx1.example.org"])
    assert complaint in told
    assert bool(told) == bool(complaint)


@pytest.mark.parametrize(
    ("status", "kind", "body", "why"),
    [
        (200, "text/plain; charset=utf-8", b"version: STSv1\n", ""),
        (301, "text/plain", b"version: STSv1\n", "the server answers 301"),
        (404, "text/plain", b"", "the server answers 404"),
        (200, "text/html", b"version: STSv1\n", "it is served as text/html"),
        (200, "text/plain", b"x" * 70_000, "it is longer than"),
    ],
)
def test_a_policy_counts_as_senders_fetch_it(monkeypatch, status: int, kind: str, body: bytes, why: str):
    answer = SimpleNamespace(status=status, read=lambda most: body[:most], getheader=lambda _name: kind)
    connection = SimpleNamespace(
        request=lambda *_words, **_more: None, getresponse=lambda: answer, close=lambda: None
    )
    monkeypatch.setattr(sts.http.client, "HTTPSConnection", lambda *_words, **_more: connection)
    text, told = sts.fetched("mta-sts.example.org")
    assert told.startswith(why)
    assert bool(told) is bool(why)
    assert text == ("" if why else body.decode())


KEYS = {name: name * 32 for name in ("aa", "bb", "cc", "dd")}


def tlsa(*, served: list[str], former: list[str], following: list[str] = ()):
    host = {"secure": True, "alias": "", "zone": "example.org", "addresses": []}
    keys = {
        "served": {"mx1.example.org": dict(enumerate(KEYS.get(key, "") for key in served))},
        "former": [KEYS[key] for key in former],
        "next": [KEYS[key] for key in following],
    }
    found = records.tlsa_records({"mx1.example.org": host}, keys)
    return {(one["value"][6:8], "goes" if one.get("gone") else "stays") for one in found}


def test_the_next_key_is_published_beside_the_one_in_use():
    assert tlsa(served=["aa"], former=[], following=["bb"]) == {("aa", "stays"), ("bb", "stays")}


def test_the_record_of_a_key_goes_when_no_address_presents_it_any_more():
    assert tlsa(served=["bb", "bb"], former=["aa"]) == {("bb", "stays"), ("aa", "goes")}
    assert tlsa(served=["bb", "aa"], former=[]) == {("aa", "stays"), ("bb", "stays")}


def test_a_key_that_comes_back_as_the_next_one_is_not_taken_away():
    assert tlsa(served=["bb"], former=["aa"], following=["aa"]) == {
        ("bb", "stays"),
        ("aa", "stays"),
    }


def test_only_a_key_that_was_seen_in_use_is_ever_taken_away_so_that_an_unknown_next_one_stays():
    assert tlsa(served=["aa"], former=["cc"]) == {("aa", "stays"), ("cc", "goes")}


def test_nothing_is_published_or_taken_away_while_one_address_cannot_be_asked():
    assert tlsa(served=["bb", "nobody"], former=["aa"]) == set()


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ({"secure": False, "alias": ""}, "not signed"),
        ({"secure": True, "alias": "tlsa.example.net"}, "publish the records there"),
        ({"secure": True, "alias": ""}, "did not complete STARTTLS"),
    ],
)
def test_a_name_without_tlsa_records_is_told_why(host, sentence: str):
    hosts = {"mx1.example.org": host | {"addresses": ["198.51.100.10"]}}
    keys = {"served": {"mx1.example.org": {"198.51.100.10": ""}}, "next": [], "former": []}
    assert records.tlsa_records(hosts, keys) == []
    [told] = records.dane_obstacles(hosts, keys)
    assert sentence in told


def test_only_names_of_this_machine_get_its_keys():
    hosts = {
        "mx1.example.org": {"addresses": ["198.51.100.10"]},
        "mx2.example.net": {"addresses": ["2001:DB8::2"]},
        "mx3.example.net": {"addresses": ["198.51.100.30"]},
    }
    assert set(records.dane_hosts(hosts, "mx1.example.org", ["2001:db8:0::2"])) == {
        "mx1.example.org",
        "mx2.example.net",
    }


def test_octodns_gets_a_document_for_each_zone_with_everything_that_stands_at_a_name():
    written = text.octodns(
        [
            *({"ttl": 3600} | one for one in records.silent_records("parked.example", takes_mail=False)),
            records.tls_rpt_record("example.org", "tls@example.org"),
            records.dkim_record("example.org", "s2026a", "MII" + "A" * 400, replace=True),
        ]
    )
    zones = {
        part.partition("\n")[0]: yaml.safe_load(part.partition("\n")[2]) for part in written.split("# ")[1:]
    }
    assert zones["parked.example.yaml"][""] == [
        {"ttl": 3600, "type": "MX", "values": [{"exchange": ".", "preference": 0}]},
        {"ttl": 3600, "type": "TXT", "value": "v=spf1 -all"},
    ]
    ours = zones["example.org.yaml"]
    assert ours["_smtp._tls"]["value"] == "v=TLSRPTv1\\; rua=mailto:tls@example.org"
    assert ours["s2026a._domainkey"]["value"].startswith("v=DKIM1\\; k=rsa\\; p=MII")
    assert list(ours) == sorted(ours), "octoDNS refuses keys out of order"


def test_a_zone_file_gets_long_texts_in_pieces_and_what_has_to_go_as_a_remark():
    key = records.dkim_record("example.org", "s2026a", "A" * 400, replace=True)
    old = {"name": "_25._tcp.mx1.example.org", "type": "TLSA", "ttl": 3600, "value": "3 1 1 aa", "gone": True}
    first, second = text.zone_snippet([key, old]).splitlines()
    assert all(len(piece) <= 255 for piece in first.split('"')[1::2])
    assert "".join(first.split('"')[1::2]) == key["value"]
    assert second == "; take away: _25._tcp.mx1.example.org. 3600 IN TLSA 3 1 1 aa"


@pytest.fixture
def primary():
    """A primary name server that nobody has asked yet."""
    with loaded("zone_text", "name_servers") as module:
        yield module.Primary({"address": "192.0.2.53"})


@pytest.mark.parametrize(
    ("address", "lags"),
    [("198.51.100.53", "198.51.100.53: [Errno 101] Network is unreachable"), ("2001:db8::53", None)],
)
def test_a_name_server_without_a_way_to_it_has_not_answered_but_for_an_ipv6_address(
    primary, monkeypatch, address, lags
):
    def unreachable(*_words):
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setattr(primary, "values", unreachable)
    assert primary._lags(address, {"name": "example.org", "type": "TXT", "value": "x"}) == lags


@pytest.mark.parametrize(
    ("terms", "crowded"),
    [
        (" ".join(f"include:s{n}.example" for n in range(10)), False),
        (" ".join(f"include:s{n}.example" for n in range(10)) + " mx", True),
        (" ".join(f"?exists:s{n}.example" for n in range(9)) + " a:x.example redirect=y.example", True),
        (" ".join(f"ip4:192.0.2.{n}" for n in range(40)) + " ip6:2001:db8::1", False),
    ],
)
def test_an_spf_record_that_asks_for_more_than_ten_names_is_not_published(terms: str, crowded: bool):
    why = steps.crowded({"name": "example.org", "value": f"v=spf1 {terms} -all"})
    assert bool(why) is crowded
    assert not why or "asks for 11 names, and receivers give up after 10" in why


def test_what_is_wrong_in_a_record_is_said_before_the_record():
    told = records.records_to_publish({"zone": "z", "octodns": "o", "remarks": ["it asks for 12 names"]})
    assert told[0] == "it asks for 12 names"


@pytest.fixture
def publishing():
    """The module dns_records."""
    with loaded("policy_steps", "zone_text", "name_servers"):
        yield load("library/dns_records.py")


def test_what_could_not_be_looked_up_is_said_beside_what_is_to_be_published(publishing, monkeypatch):
    def nobody(*_words):
        raise publishing.PROBLEMS[0]("no answer")

    monkeypatch.setattr(publishing, "looked_up", nobody)
    wanted = {"name": "_dmarc.example.org", "type": "TXT", "ttl": 3600, "value": "v=DMARC1; p=none", "owns": "v=DMARC1"}
    values, why = publishing._seen(wanted)
    assert values == []
    assert "what is published could not be looked up (no answer)" in why
    assert publishing._in_words([wanted], why)["remarks"] == [why]
