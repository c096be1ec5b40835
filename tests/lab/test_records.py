"""Records published on a real name server by RFC 2136 and TSIG: seen by everybody, said once, and the key told to nobody."""

import pytest
import yaml

from tests.lab.laboratory import Lab
from tests.lab.test_playbooks import Ansible

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]
ZONE = "records.example"


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
            '@ TXT "site-verification=7"',
            '@ TXT "v=spf1 ip4:192.0.2.7 ~all"',
        ],
        dynamic=True,
    )
    lab.zone("other.example", ["@ MX 10 mx1.updates.example."], dynamic=True)
    ansible = Ansible(lab, host, tmp_path_factory.mktemp("records"))
    name_server(ansible, lab.names.tsig()["secret"])
    yield ansible
    host.stop()


def name_server(ansible: Ansible, secret: str, domain: str = ZONE) -> None:
    """Tell the inventory where updates go and with which key."""
    inventory = yaml.safe_load(ansible.inventory.read_text(encoding="utf-8"))
    key = ansible.lab.names.tsig()
    server = {
        "address": key["server"],
        "key_name": key["name"],
        "algorithm": key["algorithm"],
        "secret": secret,
    }
    inventory["mail_hosts"]["hosts"][ansible.host.name] |= {
        "mail_domains": [domain],
        "mail_dns_server": server,
    }
    ansible.inventory.write_text(yaml.safe_dump(inventory), encoding="utf-8")


def texts(lab: Lab, name: str, server: str) -> list[str]:
    answer = lab.names.ask(name, "TXT", server=server)
    return sorted(
        b"".join(rdata.strings).decode()
        for rrset in answer.answer
        for rdata in rrset
        if rrset.rdtype.name == "TXT"
    )


def test_records_reach_every_name_server_beside_what_was_there_and_a_second_run_has_nothing_to_say(
    lab: Lab, ansible: Ansible
):
    secret = lab.names.tsig()["secret"]
    shown, announced = ansible.run("authentication-records", "--check", "--diff", "-vvv")
    assert announced > 0
    assert secret not in shown
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


def test_dmarc_takes_its_next_step_only_when_it_is_asked_for(lab: Lab, ansible: Ansible):
    ansible.run("authentication-records", "--tags", "dmarc-policy-enforced")
    assert texts(lab, f"_dmarc.{ZONE}", "203.0.113.53") == [
        f"v=DMARC1; p=quarantine; rua=mailto:dmarc-reports@{ZONE}"
    ]
    assert ansible.run("authentication-records", "--tags", "dmarc-valid")[1] == 0, (
        "a later run leaves the step that was reached"
    )


def test_a_wrong_key_changes_nothing_and_is_named_in_one_sentence(lab: Lab, ansible: Ansible):
    wrong = "d3JvbmcgYnV0IG9mIHRoZSByaWdodCBsZW5ndGggISE="
    name_server(ansible, wrong, "other.example")
    output, _ = ansible.run("authentication-records", "--tags", "spf-single-valid-record", check=False)
    assert "DNS was left as it is: " in output
    assert wrong not in output
    assert texts(lab, "other.example", "192.0.2.53") == []
