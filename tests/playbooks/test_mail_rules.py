"""How an admin's list becomes the nearest safe one."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest


def load(name: str):
    path = Path(__file__).parents[2] / "playbooks/filter_plugins" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


rules, records = load("mail_rules"), load("mail_records")
STOCK = "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination"


@pytest.mark.parametrize(
    ("present", "wanted"),
    [
        ("", STOCK),
        ("permit", "reject_unauth_destination"),
        (STOCK, STOCK),
        (STOCK.replace("reject", "defer"), STOCK),
        (
            "check_helo_access hash:/etc/postfix/helo permit_mynetworks reject_unauth_destination",
            "permit_mynetworks, reject_unauth_destination, check_helo_access hash:/etc/postfix/helo",
        ),
        ("permit_sasl_authenticated,reject", "permit_sasl_authenticated, reject"),
        (
            "reject_non_fqdn_recipient permit_mx_backup",
            "reject_non_fqdn_recipient, reject_unauth_destination",
        ),
    ],
)
def test_nobody_relays_on_his_own_word(present, wanted):
    assert rules.relay_restrictions(present) == wanted


@pytest.mark.parametrize(
    ("present", "trusted", "wanted"),
    [
        ("0.0.0.0/0 [::]/0", [], "127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128"),
        ("127.0.0.0/8 192.0.2.0/24", ["192.0.2.0/28"], "127.0.0.0/8 192.0.2.0/28"),
        ("127.0.0.0/8 hash:/etc/postfix/nets", [], "127.0.0.0/8 hash:/etc/postfix/nets"),
        ("127.0.0.0/8 static:all", [], "127.0.0.0/8"),
        ("127.0.0.0/8", ["2001:db8::/64"], "127.0.0.0/8 [2001:db8::]/64"),
    ],
)
def test_trust_ends_at_what_the_inventory_names(present, trusted, wanted):
    assert rules.mynetworks(present, trusted, ["198.51.100.10"]) == wanted


@pytest.mark.parametrize("present", ["", STOCK, "permit", "check_helo_access hash:/x, permit_mynetworks"])
def test_a_closed_list_stays_as_it_is_when_closed_again(present):
    once = rules.relay_restrictions(present)
    assert rules.relay_restrictions(once) == once


def test_spf_names_every_address_once_and_refuses_the_rest():
    record = records.spf_record(
        "example.org", ["198.51.100.10", "2001:db8::1", "198.51.100.10"], ["_spf.example.net"]
    )
    assert record["value"] == "v=spf1 mx ip4:198.51.100.10 ip6:2001:db8::1 include:_spf.example.net -all"


def test_a_domain_that_sends_nothing_refuses_everybody():
    assert records.spf_record("example.org", ["198.51.100.10"], [], sends=False)["value"] == "v=spf1 -all"


def test_dmarc_knows_three_steps_only():
    with pytest.raises(ValueError, match="none, quarantine, reject"):
        records.dmarc_record("example.org", "strict", "dmarc@example.org")


def test_a_milter_is_added_once_at_the_end_for_mail_of_the_network_and_of_programs():
    both = {"smtpd_milters": "inet:127.0.0.1:8891", "non_smtpd_milters": "inet:127.0.0.1:8891"}
    assert records.with_milter({}, "inet:127.0.0.1:8891") == both
    assert records.with_milter(both, "inet:127.0.0.1:8891") == both
    theirs = {"smtpd_milters": "unix:/run/rspamd", "non_smtpd_milters": "$smtpd_milters"}
    assert records.with_milter(theirs, "inet:127.0.0.1:8891") == {
        "smtpd_milters": "unix:/run/rspamd, inet:127.0.0.1:8891",
        "non_smtpd_milters": "$smtpd_milters",
    }


def test_a_key_of_another_host_is_replaced_only_where_that_is_allowed():
    assert "yields" not in records.dkim_record("example.org", "s2026a", "MIIB", replace=True)
    kept = records.dkim_record("example.org", "s2026a", "MI+B", replace=False)
    assert kept["value"] == "v=DKIM1; k=rsa; p=MI+B"
    assert re.search(kept["yields"], "v=DKIM1; t=y; p=MI+B; s=email")
    assert not re.search(kept["yields"], "v=DKIM1; k=rsa; p=MIxB")


def test_doors_for_users_keep_the_names_that_master_cf_has_for_them():
    assert rules.submission_services(["smtp/inet", "smtps/inet"]) == {
        "submission/inet": "submission inet n - y - - smtpd"
    }
    options = rules.submission_options(["smtps/inet"], "private/auth", "regexp:/etc/postfix/owners")
    assert options["smtps/inet/smtpd_tls_wrappermode"] == "yes"
    assert options["submission/inet/smtpd_tls_security_level"] == "encrypt"
    assert options["submission/inet/smtpd_relay_restrictions"] == "permit_sasl_authenticated,reject"


@pytest.mark.parametrize(
    ("present", "left"),
    [
        ("postmaster : abuse : ^[.] : ^.*[@%!/|]", "^[.] : ^.*[@%!/|]"),
        ("^[.] : ^.*[@%!/|] : abuse", "^[.] : ^.*[@%!/|]"),
        ("^[.] : postmaster.old : ^a::b", "^[.] : postmaster.old : ^a::b"),
        ("<; abuse ; 2001:db8::1", "<; 2001:db8::1"),
        ("abuse", ""),
    ],
)
def test_refused_local_parts_of_exim_lose_the_roles_and_nothing_else(present: str, left: str):
    assert rules.without_local_parts(present, ["postmaster", "abuse"]) == left


CHECK = "check_sasl_access texthash:/etc/postfix/auditor-suspended"


@pytest.mark.parametrize(
    "present", ["", "permit", "reject_unauth_pipelining, permit_mynetworks", f"{CHECK}, permit"]
)
def test_a_suspended_account_is_asked_about_before_anything_may_say_ok_and_once(present: str):
    wanted = rules.with_access_check(present, CHECK)
    assert wanted.startswith(CHECK)
    assert wanted.count(CHECK) == 1
    assert rules.with_access_check(wanted, CHECK) == wanted


def test_services_with_restrictions_of_their_own_ask_too_and_others_are_left_alone():
    options = {
        "submission/inet/smtpd_data_restrictions": "permit",
        "smtp/inet/smtpd_client_restrictions": "permit",
    }
    assert rules.with_access_checks(options, "smtpd_data_restrictions", CHECK) == {
        "submission/inet/smtpd_data_restrictions": f"{CHECK}, permit"
    }


@pytest.mark.parametrize(
    ("mta", "dovecot", "names"),
    [
        ("postfix", "2.3.19.1", ["postfix-sasl", "dovecot", "sshd"]),
        ("exim", "", ["exim", "sshd"]),
        ("sendmail", "2.4.1-4", ["sendmail-auth", "dovecot", "sshd"]),
        ("opensmtpd", "", ["auditor-opensmtpd", "sshd"]),
    ],
)
def test_there_is_a_jail_for_each_program_that_takes_passwords(mta: str, dovecot: str, names: list[str]):
    jails = rules.guessing_jails({"mta": mta, "dovecot": dovecot})
    assert [jail["name"] for jail in jails] == names


EXIM_FILTER = (
    (Path(__file__).parents[2] / "playbooks/roles/login_guessing/templates/exim.conf.j2")
    .read_text(encoding="utf-8")
    .partition("failregex = ")[2]
    .partition("\n")[0]
    .replace("<ADDR>", r"(?P<address>[0-9A-Fa-f.:]+)")
)
FAILED_LOGIN = "535 Incorrect authentication data"


@pytest.mark.parametrize(
    ("line", "address"),
    [
        (f" plain_server authenticator failed for (x) [203.0.113.66]:4711: {FAILED_LOGIN} (set_id=bob)", "203.0.113.66"),
        (f" login authenticator failed for h.example [203.0.113.66] I=[192.0.2.1]:587: {FAILED_LOGIN}", "203.0.113.66"),
        (f" [712] plain authenticator failed for h.example (x) [2001:db8::66]:1: {FAILED_LOGIN}", "2001:db8::66"),
        (
            f" login authenticator failed for (a)[192.0.2.9]) [203.0.113.66]:1: {FAILED_LOGIN} (set_id=x [192.0.2.9]: {FAILED_LOGIN})",
            "203.0.113.66",
        ),
        (" H=mx.example [192.0.2.9]:25 F=<a@b.example> rejected RCPT <gone@example.org>: Unrouteable address", None),
        (" H=mx.example [192.0.2.9]:25 F=<a@b.example> rejected RCPT <x@y.example>: relay not permitted", None),
        (f" <= x@y.example H=h [192.0.2.9] T=\"login authenticator failed for [192.0.2.8]: {FAILED_LOGIN}\"", None),
    ],
)
def test_exim_s_jail_counts_failed_logins_and_nothing_that_a_mail_server_does(line, address):
    found = re.search(EXIM_FILTER, line)
    assert (found and found["address"]) == address


def test_dovecot_2_4_gets_the_filter_that_knows_its_words():
    filters = [
        rules.guessing_jails({"mta": "exim", "dovecot": version})[1].get("filter")
        for version in ("2.3.19.1", "2.4.1-4")
    ]
    assert filters == [None, "auditor-dovecot"]
