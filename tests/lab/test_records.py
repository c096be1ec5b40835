"""Records published on a real name server by RFC 2136 and TSIG: seen by everybody, said once, and the key told to nobody."""

import contextlib
import http.server
import json
import re
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.admin import OUTSIDE, Admin
from tests.lab.laboratory import Lab
from tests.lab.machine import Host
from tests.lab.net import Station
from tests.lab.test_playbooks import Ansible

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400)]
ZONE = "records.example"
SECURE = "signed.example"
PARKED = "parked.example"
WEB = "203.0.113.60"


@pytest.fixture(scope="module")
def ansible(lab: Lab, tmp_path_factory: pytest.TempPathFactory):
    host = lab.host(
        "mx1.updates.example", release="trixie", mta="postfix", v4="198.51.100.190", v6="2001:db8:100::190"
    )
    lab.zone(
        ZONE,
        [
            "@ MX 10 mx1",
            "mx1 A 198.51.100.190",
            f"mta-sts A {WEB}",
            '@ TXT "site-verification=7"',
            '@ TXT "v=spf1 ip4:192.0.2.7 ~all"',
        ],
        dynamic=True,
    )
    lab.zone("other.example", ["@ MX 10 mx1.updates.example."], dynamic=True)
    own = ["@ MX 10 mx1", "mx1 A 198.51.100.190", "mx1 AAAA 2001:db8:100::190"]
    lab.zone(SECURE, own, signed=True, dynamic=True)
    lab.zone(
        PARKED,
        ['@ TXT "v=spf1 +all"', '_dmarc TXT "v=DMARC1; p=none; rua=mailto:x@parked.example"'],
        dynamic=True,
    )
    ansible = Ansible(lab, host, tmp_path_factory.mktemp("records"))
    name_server(ansible, lab.names.tsig()["secret"])
    yield ansible
    host.stop()


def name_server(ansible: Ansible, secret: str, *domains: str, silent: str = "", address: str = "") -> None:
    """Tell the inventory where updates go and with which key."""
    inventory = yaml.safe_load(ansible.inventory.read_text(encoding="utf-8"))
    key = ansible.lab.names.tsig()
    server = {
        "address": address or key["server"],
        "key_name": key["name"],
        "algorithm": key["algorithm"],
        "secret": secret,
    }
    inventory["mail_hosts"]["hosts"][ansible.host.name] |= {
        "mail_domains": list(domains or (ZONE,)),
        "mail_silent_domains": [silent] if silent else [],
        "mail_dns_server": server,
    }
    ansible.inventory.write_text(yaml.safe_dump(inventory), encoding="utf-8")


def texts(lab: Lab, name: str, server: str) -> list[str]:
    return sorted(b"".join(rdata.strings).decode() for rdata in answers(lab, name, "TXT", server))


def answers(lab: Lab, name: str, kind: str, server: str = "203.0.113.53") -> list[Any]:
    answer = lab.names.ask(name, kind, server=server)
    return [rdata for rrset in answer.answer for rdata in rrset if rrset.rdtype.name == kind]


def found(ansible: Ansible, target: str, *checks: str) -> dict[str, tuple[str, str]]:
    """What a fresh scan from outside says, with a resolver that remembers nothing."""
    ansible.lab.names.resolver_forget()
    admin = Admin(lab=ansible.lab, folder=ansible.home)
    only = [word for check in checks for word in ("--only", check)]
    scanned = admin.scan(target, "--outside-only", *only)
    return {check: (one["status"], one["summary"]) for (check, _), one in scanned.items()}


def shown(output: str) -> list[str]:
    """Lines that a task printed."""
    lines = (line.strip().rstrip(",") for line in output.splitlines())
    return [json.loads(line) for line in lines if re.fullmatch(r'".*"', line)]


def test_records_reach_every_name_server_beside_what_was_there_and_a_second_run_has_nothing_to_say(
    lab: Lab, ansible: Ansible
):
    secret = lab.names.tsig()["secret"]
    preview, announced = ansible.run("authentication-records", "--check", "--diff", "-vvv")
    assert announced > 0
    assert secret not in preview
    assert texts(lab, f"_dmarc.{ZONE}", "192.0.2.53") == [], "check mode wrote something"

    output, changed = ansible.run("authentication-records", "-vvv")
    assert changed > 0
    assert secret not in output
    for server in ("192.0.2.53", "203.0.113.53"):
        assert texts(lab, ZONE, server) == [
            "site-verification=7",
            "v=spf1 ip4:192.0.2.7 mx ip4:198.51.100.190 ip6:2001:db8:100::190 -all",
        ]
        assert texts(lab, f"_dmarc.{ZONE}", server) == [f"v=DMARC1; p=none; rua=mailto:dmarc-reports@{ZONE}"]
        assert texts(lab, f"_smtp._tls.{ZONE}", server) == [f"v=TLSRPTv1; rua=mailto:dmarc-reports@{ZONE}"]

    assert ansible.run("authentication-records")[1] == 0


def test_dmarc_takes_one_step_each_time_that_it_is_asked_to_and_a_later_run_leaves_it_there(
    lab: Lab, ansible: Ansible
):
    to_reject = ("--tags", "dmarc-policy-enforced", "-e", "authentication_records_dmarc_enforced=reject")
    for step in ("quarantine", "reject"):
        ansible.run("authentication-records", *to_reject)
        assert texts(lab, f"_dmarc.{ZONE}", "203.0.113.53") == [
            f"v=DMARC1; p={step}; rua=mailto:dmarc-reports@{ZONE}"
        ]
    assert ansible.run("authentication-records", "--tags", "dmarc-valid,dmarc-policy-enforced")[1] == 0
    verdicts = found(ansible, ZONE, "dmarc-valid", "dmarc-policy-enforced", "spf-single-valid-record")
    assert {status for status, _ in verdicts.values()} == {"passed"}, verdicts


@contextlib.contextmanager
def served(lab: Lab, place: Station, text: str) -> Iterator[None]:
    """An HTTPS server of the domain's owner that has one file."""

    class Policy(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            good = self.path == "/.well-known/mta-sts.txt"
            self.send_response(200 if good else 404)
            self.send_header("Content-Type", "text/plain")
            self.end_headers()
            self.wfile.write(text.encode() if good else b"")

        def log_message(self, *_: object) -> None:
            return

    credential = lab.authority.issue(f"mta-sts.{ZONE}")
    pair = lab.state / "mta-sts.pem"
    pair.write_text(credential.certificate + credential.key, encoding="ascii")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    with place.entered():
        server = http.server.ThreadingHTTPServer((place.v4, 443), Policy)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def test_mta_sts_is_announced_when_the_policy_that_was_printed_can_be_fetched_and_not_before(
    lab: Lab, ansible: Ansible
):
    place = lab.station("web", WEB)
    output, changed = ansible.run("authentication-records", "--tags", "mta-sts-valid")
    told = shown(output)
    assert changed == 0
    assert told[0].startswith(f"{ZONE}: no _mta-sts record yet: it cannot be fetched")
    assert f"https://mta-sts.{ZONE}/.well-known/mta-sts.txt" in told[1]
    policy = [line for line in told if re.match(r"(version|mode|mx|max_age): ", line)]
    assert policy == ["version: STSv1", "mode: testing", f"mx: mx1.{ZONE}", "max_age: 604800"]
    assert texts(lab, f"_mta-sts.{ZONE}", "192.0.2.53") == []

    with served(lab, place, "".join(f"{line}\r\n" for line in policy)):
        assert ansible.run("authentication-records", "--tags", "mta-sts-valid")[1] > 0
        [first] = texts(lab, f"_mta-sts.{ZONE}", "203.0.113.53")
        verdicts = found(ansible, ZONE, "mta-sts-valid", "tls-rpt-published")
        assert {status for status, _ in verdicts.values()} == {"passed"}, verdicts
        assert ansible.run("authentication-records", "--tags", "mta-sts-valid")[1] == 0
    with served(lab, place, "".join(f"{line}\r\n" for line in policy).replace("testing", "enforce")):
        ansible.run("authentication-records", "--tags", "mta-sts-valid")
        [second] = texts(lab, f"_mta-sts.{ZONE}", "203.0.113.53")
    assert second != first, "senders fetch the policy again only when the id has changed"


def keys_of(lab: Lab) -> set[str]:
    return {str(rdata) for rdata in answers(lab, f"_25._tcp.mx1.{SECURE}", "TLSA")}


def test_a_key_is_published_before_it_is_used_and_the_old_one_goes_when_nobody_presents_it(
    lab: Lab, ansible: Ansible
):
    host = ansible.host
    name_server(ansible, lab.names.tsig()["secret"], SECURE)
    dane = ("--tags", "dane-matches,dane-rollover-ready")
    assert found(ansible, f"mx1.{SECURE}", "dane-matches")["dane-matches"][0] == "not-applicable"
    assert ansible.run("authentication-records", *dane)[1] > 0
    [old] = keys_of(lab)
    assert found(ansible, f"mx1.{SECURE}", "dane-matches")["dane-matches"][0] == "passed"

    lab.names.resolver_forget()
    following = lab.authority.issue(f"mx1.{SECURE}")
    host.write("/etc/ssl/private/next.key", following.key, mode=0o600)
    host.write("/etc/ssl/next.pem", following.certificate)
    ahead = ("-e", '{"authentication_records_next_keys": ["/etc/ssl/private/next.key"]}')
    output, _ = ansible.run("authentication-records", *dane, *ahead, "-vvv")
    assert "PRIVATE KEY" not in output
    assert keys_of(lab) == {old, following.tlsa}
    ready = found(ansible, f"mx1.{SECURE}", "dane-matches", "dane-rollover-ready")
    assert {status for status, _ in ready.values()} == {"passed"}, ready

    host.sh(
        "postconf -e smtpd_tls_cert_file=/etc/ssl/next.pem smtpd_tls_key_file=/etc/ssl/private/next.key; postfix reload"
    )
    between = found(ansible, f"mx1.{SECURE}", "dane-matches")
    assert between["dane-matches"][0] == "passed", between
    ansible.run("authentication-records", *dane)
    assert keys_of(lab) == {following.tlsa}
    after = found(ansible, f"mx1.{SECURE}", "dane-matches")
    assert after["dane-matches"][0] == "passed", after
    assert ansible.run("authentication-records", *dane)[1] == 0


def test_a_name_in_an_unsigned_zone_gets_no_tlsa_record_and_is_told_why(lab: Lab, ansible: Ansible):
    name_server(ansible, lab.names.tsig()["secret"])
    output, changed = ansible.run("authentication-records", "--tags", "dane-matches")
    assert changed == 0
    assert "its zone is not signed" in output
    assert answers(lab, f"_25._tcp.mx1.{ZONE}", "TLSA") == []


def test_a_domain_without_mail_says_so_everywhere_and_one_with_hosts_is_left_alone(
    lab: Lab, ansible: Ansible
):
    secret = lab.names.tsig()["secret"]
    name_server(ansible, secret, silent=PARKED)
    ansible.run("authentication-records", "--tags", "null-mx-consistent")
    assert [str(one) for one in answers(lab, PARKED, "MX")] == ["0 ."]
    assert texts(lab, PARKED, "203.0.113.53") == ["v=spf1 -all"]
    assert texts(lab, f"_dmarc.{PARKED}", "203.0.113.53") == [
        "v=DMARC1; p=reject; rua=mailto:x@parked.example"
    ]
    verdicts = found(ansible, PARKED, "null-mx-consistent", "dmarc-policy-enforced", "spf-policy-restrictive")
    assert {status for status, _ in verdicts.values()} == {"passed"}, verdicts
    assert ansible.run("authentication-records", "--tags", "null-mx-consistent")[1] == 0

    name_server(ansible, secret, silent="other.example")
    output, _ = ansible.run("authentication-records", "--tags", "null-mx-consistent", check=False)
    assert "other.example: it has MX hosts, so it takes mail" in output
    assert [str(one) for one in answers(lab, "other.example", "MX")] == ["10 mx1.updates.example."]
    assert texts(lab, "other.example", "192.0.2.53") == []


def test_two_records_that_would_ask_for_too_many_names_together_are_left_to_a_person(
    lab: Lab, ansible: Ansible
):
    includes = [" ".join(f"include:s{n}.example" for n in range(at, at + 6)) for at in (0, 6)]
    lab.zone("crowded.example", [f'@ TXT "v=spf1 {one} ~all"' for one in includes], dynamic=True)
    name_server(ansible, lab.names.tsig()["secret"], "crowded.example")
    output, changed = ansible.run("authentication-records", "--tags", "spf-single-valid-record")
    assert "asks for 13 names, and receivers give up after 10" in output
    assert "crowded.example. 3600 IN TXT" in output
    assert changed == 0
    assert len(texts(lab, "crowded.example", "192.0.2.53")) == 2


def test_without_a_name_server_what_is_missing_is_printed_and_nothing_that_is_there_is_lost(
    lab: Lab, ansible: Ansible, tmp_path: Path
):
    inventory = yaml.safe_load(ansible.inventory.read_text(encoding="utf-8"))
    inventory["mail_hosts"]["hosts"][ansible.host.name] |= {
        "mail_domains": ["other.example", ZONE],
        "mail_silent_domains": [],
        "mail_dns_server": {},
    }
    ansible.inventory.write_text(yaml.safe_dump(inventory), encoding="utf-8")
    told = shown(ansible.run("authentication-records", "--tags", "spf-covers-egress,tls-rpt-published")[0])
    assert f'other.example. 3600 IN TXT "v=spf1 mx ip4:{ansible.host.v4} ip6:{ansible.host.v6} -all"' in told
    assert "# other.example.yaml" in told
    assert f"# {ZONE}.yaml" not in told, "what is published already need not be told"

    words = ("other.example", "-i", ansible.inventory.name, "--outside-only", *OUTSIDE)
    only = ("--only", "spf-single-valid-record", "--only", "tls-rpt-published")
    done = Admin(lab=lab, folder=ansible.home).auditor("fix", *words, *only, "--yes")
    assert done.returncode == 1, done.stdout + done.stderr
    [record] = (ansible.home / "fixes").glob("FIX-*/record.json")
    lines = {
        line
        for ran in json.loads(record.read_text("utf-8"))["runs"]
        for t in ran["told"]
        for line in t["lines"]
    }
    left = done.stdout.partition("Left to you:\n")[2]
    for kind, value in (("", "v=spf1 mx ip4:"), ("_smtp._tls.", "v=TLSRPTv1; ")):
        [line] = [one for one in lines if one.startswith(f'{kind}other.example. 3600 IN TXT "{value}')]
        assert line in left.splitlines()
    assert record.with_name("left-to-you.txt").read_text("utf-8").endswith(left)


def test_a_wrong_key_changes_nothing_and_is_named_in_one_sentence(lab: Lab, ansible: Ansible):
    wrong = "d3JvbmcgYnV0IG9mIHRoZSByaWdodCBsZW5ndGggISE="
    name_server(ansible, wrong, "other.example")
    output, _ = ansible.run("authentication-records", "--tags", "spf-single-valid-record", check=False)
    assert "DNS was left as it is: " in output
    assert wrong not in output
    assert texts(lab, "other.example", "192.0.2.53") == []


KNOT_ZONE = "knot.elsewhere.example"
KNOT = """
cat > /etc/knot/knot.conf <<END
server:
    listen: $V4@53
key:
  - id: {name}
    algorithm: {algorithm}
    secret: {secret}
acl:
  - id: update
    key: {name}
    action: update
zone:
  - domain: {zone}
    storage: /var/lib/knot
    file: {zone}.zone
    acl: update
    dnssec-signing: on
END
cat > /var/lib/knot/{zone}.zone <<END
@ 60 SOA ns1 root 1 3600 600 86400 60
@ 60 NS ns1
ns1 60 A $V4
@ 60 MX 10 mx1.updates.example.
@ 60 TXT "site-verification=8"
@ 60 TXT "v=spf1 ip4:192.0.2.7 ~all"
END
chown -R knot:knot /var/lib/knot
systemctl enable knot
"""


@pytest.fixture
def knot(lab: Lab) -> Iterator[Host]:
    """Knot DNS, which signs its zone itself, where the others are BIND."""
    key = {word: lab.names.tsig()[word] for word in ("name", "algorithm", "secret")}
    setup = KNOT.format(zone=KNOT_ZONE, **key)
    address = {"v4": "198.51.100.191", "v6": "2001:db8:100::191"}
    host = lab.host(
        "ns1.elsewhere.example", **address, profile="none", packages="knot", setup=setup, ports=(53,)
    )
    label = KNOT_ZONE.partition(".")[0]
    lab.zone("elsewhere.example", [f"{label} NS ns1.{label}", f"ns1.{label} A {host.v4}"])
    yield host
    lab.drop(host)


def test_knot_takes_the_same_updates(lab: Lab, ansible: Ansible, knot: Host):
    name_server(ansible, lab.names.tsig()["secret"], KNOT_ZONE, address=knot.v4)
    tags = ("--tags", "spf-single-valid-record,dmarc-valid,tls-rpt-published")
    assert ansible.run("authentication-records", *tags)[1] > 0
    assert texts(lab, KNOT_ZONE, knot.v4) == [
        "site-verification=8",
        f"v=spf1 ip4:192.0.2.7 mx ip4:{ansible.host.v4} ip6:{ansible.host.v6} -all",
    ]
    for name, value in (
        (f"_dmarc.{KNOT_ZONE}", "v=DMARC1; p=none"),
        (f"_smtp._tls.{KNOT_ZONE}", "v=TLSRPTv1"),
    ):
        assert texts(lab, name, knot.v4) == [f"{value}; rua=mailto:dmarc-reports@{KNOT_ZONE}"]
    assert ansible.run("authentication-records", *tags)[1] == 0
    verdicts = found(ansible, KNOT_ZONE, "spf-single-valid-record", "dmarc-valid", "tls-rpt-published")
    assert {status for status, _ in verdicts.values()} == {"passed"}, verdicts

    name_server(ansible, "d3JvbmcgYnV0IG9mIHRoZSByaWdodCBsZW5ndGggISE=", KNOT_ZONE, address=knot.v4)
    output, _ = ansible.run("authentication-records", "--tags", "dmarc-policy-enforced", check=False)
    assert "DNS was left as it is: " in output
    assert texts(lab, f"_dmarc.{KNOT_ZONE}", knot.v4) == [
        f"v=DMARC1; p=none; rua=mailto:dmarc-reports@{KNOT_ZONE}"
    ]
