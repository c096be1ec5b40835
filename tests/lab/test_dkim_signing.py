"""The playbook dkim-signing on real hosts: others can verify what programs and users send, and nobody else gets our signature."""

import re
import time
from email import message_from_bytes

import dkim
import pytest

from tests.lab.laboratory import Lab
from tests.lab.test_playbooks import Ansible
from tests.lab.test_profiles import text_record
from tests.lab.test_records import name_server, texts
from tests.lab.test_submission import CANNOT, hand_in, serve_users
from tests.lab.watching import Box

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400)]
COMBINATIONS = [(r, m) for r in ("bookworm", "trixie") for m in ("postfix", "exim4", "sendmail", "opensmtpd")]


def arrived(canary: Box, mark: str) -> bytes:
    deadline = time.monotonic() + 20
    while not (found := [mail for mail in canary.mails if mark.encode() in mail]):
        assert time.monotonic() < deadline, f"{mark} did not arrive"
        time.sleep(0.2)
    return found[0]


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_a_host_makes_a_key_publishes_it_and_signs_for_its_own_people_only(
    lab: Lab, canary: Box, tmp_path_factory: pytest.TempPathFactory, release: str, mta: str
):
    number = 191 + COMBINATIONS.index((release, mta))
    zone = f"sign-{mta}-{release}.example"
    host = lab.host(
        f"mx1.host-{zone}",
        release=release,
        mta=mta,
        v4=f"198.51.100.{number}",
        v6=f"2001:db8:100::{number}",
    )
    lab.zone(zone, [f"@ MX 10 mx1.host-{zone}."], dynamic=True)
    ansible = Ansible(lab, host, tmp_path_factory.mktemp("dkim"))
    name_server(ansible, lab.names.tsig()["secret"], zone)
    users = (release, mta) != CANNOT
    if users:
        serve_users(lab, host, ansible)
        ansible.run("submission")
    choose = ("-e", "dkim_signing_selector=s2026a", "--tags", "dkim-key-published")

    output, changed = ansible.run("dkim-signing", *choose, "-vvv")
    assert changed > 0
    assert "PRIVATE KEY" not in output
    for server in ("192.0.2.53", "203.0.113.53"):
        [record] = texts(lab, f"s2026a._domainkey.{zone}", server)
        assert re.fullmatch(r"v=DKIM1; k=rsa; p=MIIBIjAN[A-Za-z0-9+/=]+", record), "2048 bits, no t=y"
    key = "/etc/exim4" if mta == "exim4" else "/etc/dkimkeys"
    owner = {"exim4": "Debian-exim", "opensmtpd": "_dkimsign"}.get(mta, "opendkim")
    assert host.sh(f"stat -c '%a %U' {key}/auditor-dkim-s2026a.private") == f"600 {owner}\n"

    ansible.run("authentication-records", "--tags", "spf-single-valid-record,dmarc-valid")
    host.sh(
        f"printf 'From: alice@{zone}\\nTo: box@canary.example\\nSubject: own-{zone}\\n\\nhello\\n' | "
        f"/usr/sbin/sendmail -f alice@{zone} box@canary.example"
    )
    own = [arrived(canary, f"own-{zone}")]
    if users:
        hand_in(lab, host, f"user-{zone}", "box@canary.example", "--port", "587", "--tls", domain=zone)
        own.append(arrived(canary, f"user-{zone}"))
    for mail in own:
        assert f"d={zone}" in message_from_bytes(mail)["DKIM-Signature"]
        assert dkim.verify(mail, dnsfunc=lambda name, timeout: text_record(lab, name.decode()))
        author = message_from_bytes(mail)["From"].partition("@")[2].strip(">")
        assert author == zone, "the signature aligns with the author's domain (RFC 7489, section 3.1.1)"
        assert text_record(lab, f"_dmarc.{author}").startswith(b"v=DMARC1; p=")

    host.sh("echo 'away: box@canary.example' >> /etc/aliases; newaliases")
    script = (
        "import smtplib,sys\n"
        "with smtplib.SMTP(sys.argv[1], timeout=20) as s:\n"
        "    s.sendmail('stranger@vantage.example', [sys.argv[2]], sys.argv[3])\n"
    )
    text = f"From: alice@{zone}\r\nSubject: forged-{zone}\r\n\r\nhello\r\n"
    done = lab.exec(["python3", "-c", script, host.v4, f"away@{host.domain}", text])
    assert done.returncode == 0, done.stderr
    assert message_from_bytes(arrived(canary, f"forged-{zone}"))["DKIM-Signature"] is None

    assert ansible.run("dkim-signing", *choose)[1] == 0
    host.stop()
