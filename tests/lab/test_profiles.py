"""The weak hosts are as weak and the hardened ones as sound as their names promise, seen without auditor's own eyes."""

import smtplib
import ssl
import time
from email import message_from_bytes

import dkim
import dns.flags
import dns.resolver
import pytest

from tests.lab.fixtures import COMBINATIONS, MailHosts
from tests.lab.laboratory import Lab
from tests.lab.net import RESOLVERS
from tests.lab.profile import LOGIN, PASSWORD, offers_tls
from tests.lab.watching import Box, listener, session, unit_of, wait_for

pytestmark = pytest.mark.lab
STRANGER = "someone@elsewhere.example"
SENDER = "audit@vantage.example"


def recipient(smtp: smtplib.SMTP, to: str, sender: str = SENDER) -> int:
    code, text = smtp.mail(sender)
    assert code in {250, 530, 550, 554}, text
    code, _ = smtp.rcpt(to)
    smtp.rset()
    return code


def trusting(lab: Lab) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=lab.authority.pem)


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_a_weak_host_relays_for_strangers_and_has_no_postmaster(
    lab: Lab, mail_host: MailHosts, release: str, mta: str
):
    host = mail_host(release, mta, "weak")
    for address in (host.v4, host.v6):
        for port in (25, 587):
            with session(lab, address, port) as smtp:
                assert recipient(smtp, STRANGER) == 250
    with session(lab, host.v4) as smtp:
        for role in ("postmaster", "abuse"):
            assert recipient(smtp, f"{role}@{host.domain}") == 550


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_a_weak_host_writes_nothing_down_and_was_started_by_hand(
    mail_host: MailHosts, release: str, mta: str
):
    host = mail_host(release, mta, "weak")
    assert host.run("journalctl --no-pager -o cat | grep -i 'vantage.example\\|203.0.113.10'").stdout == ""
    assert host.run("ls -d /var/log/mail.log /var/log/journal").stdout == ""
    resolver = host.sh("pgrep -o -x unbound").strip()
    for pid in (listener(host), resolver):
        assert "/user.slice/" in host.read(f"/proc/{pid}/cgroup")
    unit = unit_of(release, mta)
    assert host.run(["systemctl", "show", "-P", "Restart", unit]).stdout.strip() == "no"
    assert host.run(["systemctl", "is-enabled", mta]).returncode != 0


def test_the_domain_of_a_weak_host_has_broken_records(lab: Lab, mail_host: MailHosts):
    host = mail_host("bookworm", "postfix", "weak")
    texts = [b"".join(rdata.strings).decode() for rdata in lab.names.ask(host.domain, "TXT").answer[0]]
    assert len([text for text in texts if "v=spf1" in text]) == 2
    assert any(text.count("include:") == 11 and "+all" in text for text in texts)
    assert lab.names.ask(f"_dmarc.{host.domain}", "TXT").answer == []
    assert lab.names.ask(f"mail._domainkey.{host.domain}", "TXT").answer == []


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_a_hardened_host_refuses_strangers_and_answers_to_its_roles(
    lab: Lab, mail_host: MailHosts, release: str, mta: str
):
    host = mail_host(release, mta, "hardened")
    for address in (host.v4, host.v6):
        with session(lab, address) as smtp:
            assert recipient(smtp, f"postmaster@{host.domain}") == 250
            assert recipient(smtp, f"abuse@{host.domain}") == 250
            assert recipient(smtp, STRANGER) >= 500
        with session(lab, address) as smtp:
            assert recipient(smtp, f"nobody-has-this@{host.domain}") == 550
            if offers_tls(mta, release):
                smtp.starttls(context=trusting(lab))
                smtp.ehlo()
                assert smtp.sock.version() == "TLSv1.3"
                assert recipient(smtp, STRANGER) >= 500
            assert not smtp.has_extn("auth")
            assert smtp.has_extn("starttls") is False


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_a_hardened_host_brings_mail_to_its_people_and_logs_it_at_home_and_abroad(
    lab: Lab, mail_host: MailHosts, release: str, mta: str
):
    host = mail_host(release, mta, "hardened")
    mark = f"mark-{time.monotonic_ns()}@vantage.example"
    with session(lab, host.v4) as smtp:
        smtp.sendmail(
            mark, [f"postmaster@{host.domain}"], f"From: <{mark}>\r\nSubject: audit\r\n\r\nhello\r\n"
        )
    wait_for(lambda: mark in host.run(["cat", "/var/mail/alice"]).stdout, "the mail in alice's mailbox")
    wait_for(lambda: mark in host.run(["cat", "/var/log/mail.log"]).stdout, "the mail in the log")
    assert mark in host.run("journalctl --no-pager -o cat --directory /var/log/journal").stdout
    wait_for(lambda: mark in lab.loghost().read_text(encoding="utf-8"), "the mail in the log of the log host")


@pytest.mark.parametrize(("release", "mta"), [c for c in COMBINATIONS if offers_tls(c[1], c[0])])
def test_a_hardened_host_takes_submissions_from_alice_only_and_signs_them(
    lab: Lab, mail_host: MailHosts, canary: Box, release: str, mta: str
):
    host = mail_host(release, mta, "hardened")
    alice = f"alice@{host.domain}"
    with session(lab, host.v4, 587) as smtp:
        assert not smtp.has_extn("auth")
        smtp.starttls(context=trusting(lab))
        smtp.ehlo()
        assert smtp.docmd("MAIL", f"FROM:<{alice}>")[0] in {250, 530, 550}
        assert smtp.docmd("RCPT", "TO:<box@canary.example>")[0] >= 500
    with lab.vantage.entered(), smtplib.SMTP_SSL(host.v6, 465, context=unnamed(lab), timeout=20) as smtp:
        smtp.login(LOGIN, PASSWORD)
        smtp.sendmail(alice, ["box@canary.example"], f"From: <{alice}>\r\nSubject: s\r\n\r\nhello\r\n")
        with pytest.raises(smtplib.SMTPException):
            smtp.sendmail(f"boss@{host.domain}", ["box@canary.example"], "Subject: not hers\r\n\r\nhello\r\n")
    wait_for(lambda: any(alice in mail.decode() for mail in canary.mails), "the mail at the canary")
    mail = next(mail for mail in canary.mails if alice in mail.decode())
    assert f"d={host.domain}" in message_from_bytes(mail)["DKIM-Signature"]
    assert dkim.verify(mail, dnsfunc=lambda name, timeout: text_record(lab, name.decode()))


@pytest.mark.parametrize(("release", "mta"), COMBINATIONS)
def test_a_hardened_host_comes_back_after_kill_9(mail_host: MailHosts, release: str, mta: str):
    host = mail_host(release, mta, "hardened")
    pid = listener(host)
    unit = unit_of(release, mta)
    main = int(host.sh(f"systemctl show -P MainPID {unit}"))
    host.kill9(main or int(pid))
    wait_for(lambda: 25 in host.listening() and listener(host) not in {pid, ""}, "port 25 again", seconds=20)
    assert f"{unit}.service" in host.read(f"/proc/{listener(host)}/cgroup")


def test_the_domain_of_a_hardened_host_is_signed_and_its_tlsa_matches(lab: Lab, mail_host: MailHosts):
    host = mail_host("trixie", "postfix", "hardened")
    answer = lab.names.ask(f"_25._tcp.{host.name}", "TLSA")
    assert answer.flags & dns.flags.AD
    assert answer.answer[0][0].to_text().startswith("3 1 1 ")
    assert text_record(lab, f"_dmarc.{host.domain}").startswith(b"v=DMARC1; p=reject")


def unnamed(lab: Lab) -> ssl.SSLContext:
    context = trusting(lab)
    context.check_hostname = False
    return context


def text_record(lab: Lab, name: str) -> bytes:
    with lab.vantage.entered():
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = [RESOLVERS[0]]
        return b"".join(resolver.resolve(name, "TXT")[0].strings)
