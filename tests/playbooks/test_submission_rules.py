"""Doors for users: how each program's own text gets them, and whose addresses a login may use."""

from __future__ import annotations

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

PLAYS = Path(__file__).parents[2] / "playbooks"


def load(place: str):
    spec = spec_from_file_location(Path(place).stem, PLAYS / f"{place}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


rules, smtpd = load("filter_plugins/mail_rules"), load("module_utils/smtpd_conf")
mc = load("module_utils/sendmail_mc")

STOCK = """\
table aliases file:/etc/aliases
listen on 0.0.0.0
listen on localhost

action "local" maildir alias <aliases>
action "relay" relay
match from any for domain "example.org" action "local"
match from local for any action "relay"
"""
DOORS = [
    'listen on 0.0.0.0 port 465 smtps pki "mx" protocols "tlsv1.2,tlsv1.3" auth senders <auditor-senders>',
    'listen on 0.0.0.0 port 587 tls-require pki "mx" protocols "tlsv1.2,tlsv1.3" auth senders <auditor-senders>',
]


def opened(text: str) -> str:
    return smtpd.with_submission(text, "mx", "/etc/mail/auditor-senders")


def test_opensmtpd_gets_doors_where_it_listens_to_strangers_and_relays_after_a_login():
    lines = opened(STOCK).splitlines()
    assert lines[1:6] == [
        "table auditor-senders file:/etc/mail/auditor-senders",
        "listen on 0.0.0.0",
        *DOORS,
        "listen on localhost",
    ]
    assert lines[-1] == 'match auth from any for any action "relay"'
    assert set(STOCK.splitlines()) <= set(lines)


def test_doors_are_made_once_also_where_a_later_change_added_a_filter_to_them():
    signed = opened(STOCK).replace("senders <auditor-senders>", 'senders <auditor-senders> filter "dkim"')
    assert opened(opened(STOCK)) == opened(STOCK)
    assert opened(signed) == signed


def test_a_listener_of_opensmtpd_that_asks_for_no_login_gives_way():
    lines = opened(STOCK.replace("listen on localhost", "listen on 0.0.0.0 port 587")).splitlines()
    assert "# auditor: listen on 0.0.0.0 port 587" in lines
    assert [line for line in lines if line.startswith("listen on 0.0.0.0 port")] == DOORS


def test_a_door_of_opensmtpd_that_the_admin_made_is_kept_and_only_the_other_one_added():
    own = "listen on 0.0.0.0 smtps pki mx auth <creds>"
    lines = opened(STOCK.replace("listen on localhost", own)).splitlines()
    assert own in lines
    assert [line for line in lines if line.startswith("listen on 0.0.0.0 port")] == DOORS[1:]


def test_a_relay_action_is_made_where_opensmtpd_has_none():
    text = opened("listen on 0.0.0.0\n")
    assert text.endswith('action "auditor-relay" relay\nmatch auth from any for any action "auditor-relay"\n')


@pytest.mark.parametrize(
    ("line", "port"),
    [
        ("listen on 0.0.0.0", 25),
        ("listen on :: tls pki mx", 25),
        ("listen on eth0 smtps pki mx", 465),
        ("listen on eth0 port submission tls-require pki mx", 587),
        ("listen on eth0 port 2525", 2525),
        ("listen on eth0 port $odd", 0),
    ],
)
def test_the_port_of_a_listen_rule_is_told(line, port):
    assert smtpd.listen_port(line) == port


def test_opensmtpd_offers_starttls_to_strangers_and_asks_nobody_for_it():
    text = smtpd.with_starttls(STOCK, "mx")
    assert text == STOCK.replace("listen on 0.0.0.0\n", 'listen on 0.0.0.0 port 25 tls pki "mx"\n')
    assert smtpd.with_starttls(text, "mx") == text
    named = 'listen on :: port 25 hostname mx.example.org filter "fcrdns"\n'
    assert (
        smtpd.with_starttls(named, "mx")
        == 'listen on :: port 25 tls pki "mx" hostname mx.example.org filter "fcrdns"\n'
    )


MX = "DAEMON_OPTIONS(`Family=inet, Name=MX, Port=smtp, Addr=198.51.100.10')dnl\n"
LOOP = "DAEMON_OPTIONS(`Family=inet, Name=MSP, Port=submission, M=Ea, Addr=127.0.0.1')dnl\n"
END = "MAILER(`smtp')dnl\n"


def daemons(text: str) -> list[dict[str, str]]:
    return [options for line in text.splitlines() if (options := mc.daemon_options(line))]


def test_sendmail_gets_doors_at_the_addresses_of_port_25_and_takes_no_logins_there_any_more():
    text = mc.with_doors(LOOP + MX + END, bare_smtp=True)
    assert [(one["Port"], one["Addr"], one["M"]) for one in daemons(text)] == [
        ("submission", "127.0.0.1", "Ea"),
        ("smtp", "198.51.100.10", "A"),
        ("submission", "198.51.100.10", "Ea"),
        ("submissions", "198.51.100.10", "Eas"),
    ]
    assert mc.with_doors(text, bare_smtp=True) == text


def test_where_somebody_logs_in_at_port_25_of_sendmail_it_stays_so():
    assert MX in mc.with_doors(MX + END, bare_smtp=False)


def test_a_listener_on_every_address_takes_the_place_of_the_one_on_loopback():
    text = mc.with_doors(LOOP + MX.replace(", Addr=198.51.100.10", "") + END, bare_smtp=True)
    assert f"dnl # auditor: {LOOP}" in text
    assert [(one["Port"], one.get("Addr")) for one in daemons(text)] == [
        ("smtp", None),
        ("submission", None),
        ("submissions", None),
    ]


def test_a_public_listener_of_sendmail_that_asks_for_no_login_gives_way():
    open_door = "DAEMON_OPTIONS(`Family=inet, Name=MSA, Port=587, Addr=198.51.100.10')dnl\n"
    text = mc.with_doors(MX + open_door + END, bare_smtp=True)
    assert f"dnl # auditor: {open_door}" in text
    assert [one["M"] for one in daemons(text)] == ["A", "Ea", "Eas"]


def test_a_sendmail_without_any_listener_of_its_own_keeps_port_25():
    text = mc.with_doors(END, bare_smtp=True)
    assert [(one["Port"], one["M"]) for one in daemons(text)] == [
        ("smtp", "A"),
        ("submission", "Ea"),
        ("submissions", "Eas"),
    ]
    assert text.endswith(END)


def test_the_rule_that_binds_senders_is_written_once_after_the_admins_own():
    own = "LOCAL_RULESETS\nSLocal_check_rcpt\nR$* bad\t$#error $: 550 no\n"
    text = mc.with_senders(own)
    assert text.startswith(own)
    assert mc.with_senders(text) == text


SENDERS = {"alice": ["sales@example.org", "@example.net"], "bob": ["Sales@example.org"]}


def owners(address: str) -> list[str]:
    """As regexp_table(5) answers: the first pattern that matches, whatever its case."""
    for line in rules.postfix_senders(SENDERS, ["example.org", "example.com"]).splitlines():
        pattern, _, answer = line[1:].partition("/ ")
        if found := re.match(pattern, address, re.IGNORECASE):
            return [
                re.sub(r"\$\{(\d)\}", lambda group: found[int(group[1])], word) for word in answer.split(", ")
            ]
    return []


@pytest.mark.parametrize(
    ("address", "logins"),
    [
        ("carol@example.com", ["carol", "carol@example.com"]),
        ("sales@example.org", ["alice", "bob", "sales", "sales@example.org"]),
        ("x@example.net", ["alice", "x", "x@example.net"]),
        ("virtual@elsewhere.example", ["virtual@elsewhere.example"]),
        ("carol+news@example.com", []),
    ],
)
def test_postfix_knows_who_owns_an_address(address, logins):
    assert owners(address) == logins


def test_exim_and_sendmail_get_what_a_login_may_use_beside_its_own():
    assert rules.exim_senders(SENDERS) == "alice: sales@example.org : *@example.net\nbob: Sales@example.org\n"
    assert rules.sendmail_senders(SENDERS).splitlines() == [
        "alice/sales@example.org:OK",
        "bob/sales@example.org:OK",
        "alice/@example.net:OK",
    ]


def test_opensmtpd_gets_every_account_by_its_name():
    assert rules.opensmtpd_senders(
        {"alice": ["@example.net"], "v@example.com": []}, ["example.org"], ["alice", "bob"]
    ) == ("alice: alice@example.org, @example.net\nbob: bob@example.org\nv@example.com: v@example.com\n")


@pytest.mark.parametrize(
    "senders",
    [
        {"alice": ["sales"]},
        {"al ice": ["@example.org"]},
        {"alice": ["a/b@example.org"]},
        {"alice": ["x@y\nz"]},
    ],
)
@pytest.mark.parametrize("program", ["postfix", "exim", "opensmtpd", "sendmail"])
def test_what_is_no_login_or_no_address_is_refused_before_anything_is_written(program, senders):
    further = {"postfix": [["example.org"]], "opensmtpd": [["example.org"], []]}.get(program, [])
    with pytest.raises(ValueError, match="mail_senders"):
        getattr(rules, f"{program}_senders")(senders, *further)


def test_ports_are_added_to_a_list_of_exim():
    assert rules.with_ports("25 : 587", [465, 587]) == "25 : 587 : 465"
