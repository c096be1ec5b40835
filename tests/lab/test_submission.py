"""The playbook submission on real hosts: users get in with their password within TLS, nobody else does."""

import pytest
import yaml

from tests.lab.laboratory import Lab
from tests.lab.test_playbooks import Ansible
from tests.lab.watching import Box, wait_for

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400)]
SEND = """
import smtplib, ssl, sys
address, sender, mark = sys.argv[1:]
unnamed = ssl.create_default_context()
unnamed.check_hostname, unnamed.verify_mode = False, ssl.CERT_NONE
with smtplib.SMTP(address, 587, timeout=30) as smtp:
    smtp.ehlo()
    print("AUTH in the clear:", smtp.has_extn("auth"))
    smtp.starttls(context=unnamed)
    smtp.ehlo()
    smtp.mail(sender)
    print("without a login:", smtp.rcpt("box@canary.example")[0])
with smtplib.SMTP_SSL(address, 465, context=unnamed, timeout=30) as smtp:
    smtp.login("alice", "correct horse")
    smtp.sendmail(sender, ["box@canary.example"], "Subject: " + mark + "\\r\\n\\r\\nhello\\r\\n")
"""


@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_users_of_postfix_get_in_within_tls_and_nobody_else(
    lab: Lab, canary: Box, tmp_path_factory: pytest.TempPathFactory, release: str
):
    number = 197 + (release == "trixie")
    name = f"mx1.users-{release}.example"
    host = lab.host(
        name, release=release, mta="postfix", v4=f"198.51.100.{number}", v6=f"2001:db8:100::{number}"
    )
    host.sh(
        "useradd --create-home alice 2>/dev/null || true; echo 'alice:correct horse' | chpasswd; "
        "systemctl start dovecot"
    )
    ansible = Ansible(lab, host, tmp_path_factory.mktemp("users"))
    inventory = yaml.safe_load(ansible.inventory.read_text(encoding="utf-8"))
    inventory["mail_hosts"]["hosts"][name]["mail_roles"] = ["mx", "submission", "mailbox"]
    ansible.inventory.write_text(yaml.safe_dump(inventory), encoding="utf-8")
    assert {465, 587}.isdisjoint(host.listening())

    _, changed = ansible.run("submission")
    assert changed == 2
    mark = f"users-{release}"
    done = lab.exec(["python3", "-c", SEND, host.v4, f"alice@{host.domain}", mark])
    assert done.returncode == 0, done.stderr
    assert done.stdout == "AUTH in the clear: False\nwithout a login: 554\n"
    wait_for(lambda: canary.has(mark), "alice's mail at the canary")

    assert ansible.run("submission")[1] == 0
    host.stop()
