"""One account's mail is held, let go and refused by the commands of the runbooks: with its real password, over TLS."""

import pytest

from auditor.runbook.format import Use
from tests.lab.fixtures import COMBINATIONS, MailHosts
from tests.lab.follower import Follower
from tests.lab.laboratory import Lab
from tests.lab.machine import Host
from tests.lab.profile import LOGIN, PASSWORD, offers_tls
from tests.lab.submitting import answers, refusal, send, submission
from tests.lab.watching import CANARY, Box, wait_for

pytestmark = pytest.mark.lab
SUBMISSION = [(release, mta) for release, mta in COMBINATIONS if offers_tls(mta, release)]
"""OpenSMTPD of Debian 12 takes no TLS and so no password: there is no login to block."""


@pytest.mark.parametrize(("release", "mta"), SUBMISSION)
def test_an_account_is_refused_in_the_mail_program_alone_and_taken_again(
    lab: Lab, canary: Box, mail_host: MailHosts, release: str, mta: str
):
    host = mail_host(release, mta, "hardened")
    spam = Follower(host, release, "outbound-spam", account=LOGIN, spam_sender=f"alice@{host.domain}")
    assert refusal(lab, host) == ""
    try:
        spam.must("refuse-account", Use.DO)
        spam.must("refuse-account", Use.DO)
        wait_for(lambda: answers(lab, host), "port 465")
        assert refusal(lab, host).startswith(("login 535", "550", "554"))
    finally:
        spam.must("refuse-account", Use.UNDO)
    wait_for(lambda: answers(lab, host), "port 465")
    assert refusal(lab, host) == ""


@pytest.mark.parametrize("release", ["bookworm", "trixie"])
@pytest.mark.parametrize(
    ("book", "step"), [("outbound-spam", "deny-dovecot"), ("mailbox-takeover", "shut-account")]
)
def test_a_login_that_dovecot_denies_is_refused_for_sending_too(
    lab: Lab, mail_host: MailHosts, release: str, book: str, step: str
):
    host = mail_host(release, "exim4", "hardened")
    follower = Follower(host, release, book, account=LOGIN)
    try:
        follower.must(step, Use.DO)
        follower.must(step, Use.DO)
        follower.must(step, Use.VERIFY)
        assert refusal(lab, host) == "login 535"
    finally:
        follower.must(step, Use.UNDO)
    assert refusal(lab, host) == ""


@pytest.mark.parametrize(("release", "mta"), SUBMISSION)
def test_only_the_mail_of_the_account_is_held_and_then_released(
    lab: Lab, canary: Box, mail_host: MailHosts, release: str, mta: str
):
    host = mail_host(release, mta, "hardened")
    spam = Follower(host, release, "outbound-spam", account=LOGIN, spam_sender=f"alice@{host.domain}")
    mark = f"held-{release}-{mta}"
    try:
        host.sh(SHUT)
        with submission(lab, host) as smtp:
            smtp.login(LOGIN, PASSWORD)
            send(smtp, host, mark)
        host.sh(f"printf 'Subject: x\\n\\nx\\n' | {program(mta)} -f root@{host.domain} {CANARY}")
        wait_for(lambda: refused(host) == 2, "two messages that were tried", seconds=30)
        spam.must("hold-account", Use.DO)
        spam.must("hold-account", Use.DO)
        spam.must("hold-account", Use.VERIFY)
        assert held(host) == 1
        host.sh("nft delete table inet shut")
        spam.must("hold-account", Use.UNDO)
        assert held(host) == 0
        wait_for(lambda: canary.has(mark), "the released message outside", seconds=30)
    finally:
        host.fresh()


SHUT = """
nft add table inet shut
nft 'add chain inet shut out { type filter hook output priority 0; }'
nft add rule inet shut out tcp dport 25 reject with tcp reset
"""


def program(mta: str) -> str:
    return "sendmail-mta -Am -odq" if mta == "sendmail" else "sendmail"


COUNT = {
    "postfix": ("postqueue -j | wc -l", 'postqueue -j | grep -c \'"queue_name": "hold"\' || true'),
    "exim4": ("exim4 -bpc", "exipick -zi | wc -l"),
    "opensmtpd": (
        "smtpctl show queue | wc -l",
        "smtpctl show queue | cut -d '|' -f 4 | grep -c suspend || true",
    ),
    "sendmail": (
        "find /var/spool/mqueue -name '[hq]f*' | wc -l",
        "find /var/spool/mqueue -name 'hf*' | wc -l",
    ),
}
TRIED = {
    "postfix": 'postqueue -j | grep -c \'"queue_name": "deferred"\' || true',
    "opensmtpd": "smtpctl show queue | grep -c -F '|pending|' || true",
}


def waiting(host: Host) -> int:
    return int(host.sh(COUNT[host.mta][0]))


def refused(host: Host) -> int:
    """Messages that were tried in vain, and are not being tried now; of Exim and Sendmail, all that wait."""
    return int(host.sh(TRIED.get(host.mta, COUNT[host.mta][0])))


def held(host: Host) -> int:
    return int(host.sh(COUNT[host.mta][1]))
