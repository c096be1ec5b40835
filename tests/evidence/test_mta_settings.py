"""Who may relay, read from each program's own settings."""

import pytest

from auditor.evidence import exim, opensmtpd, postfix, sendmail
from auditor.evidence.mta import Mta
from auditor.evidence.mta_settings import MtaSettings, dns_lists, helper_sockets, holes, trusted_networks

STOCK_RELAY = "permit_mynetworks permit_sasl_authenticated defer_unauth_destination"
MASTER = "smtp       inet  n       -       y       -       -       smtpd\n"


def of_postfix(*lines: str, services: str = MASTER, overrides: str = "") -> MtaSettings:
    return MtaSettings(
        mta=Mta.POSTFIX,
        postfix=postfix.PostfixSettings(
            main=postfix.parse_parameters("\n".join(lines)),
            services=postfix.parse_services(services),
            overrides=postfix.parse_overrides(overrides),
        ),
    )


def of_opensmtpd(text: str) -> MtaSettings:
    return MtaSettings(mta=Mta.OPENSMTPD, opensmtpd=opensmtpd.parse_smtpd_conf(text))


@pytest.mark.parametrize(
    ("restrictions", "expected"),
    [
        (STOCK_RELAY, "stops"),
        ("permit_mynetworks, reject", "stops"),
        ("permit_mynetworks", "open"),
        ("", "open"),
        ("permit", "open"),
        ("permit_mynetworks, permit_mx_backup, reject_unauth_destination", "open"),
        ("check_sender_access hash:/etc/postfix/friends, reject_unauth_destination", "spoofable"),
        ("check_client_access cidr:/etc/postfix/friends, reject_unauth_destination", "table"),
        ("reject_unknown_client_hostname, reject_unauth_destination, check_sender_access hash:/x", "stops"),
        (
            "check_policy_service { unix:private/policy, default_action=DUNNO }, reject_unauth_destination",
            "table",
        ),
    ],
)
def test_a_restriction_list_is_walked_as_a_stranger_would_meet_it(restrictions, expected):
    assert postfix.verdict_on_strangers(restrictions) == expected


def test_stock_postfix_has_no_hole():
    assert list(holes(of_postfix(f"smtpd_relay_restrictions = {STOCK_RELAY}"))) == []


def test_one_list_that_stops_strangers_is_enough():
    settings = of_postfix(
        "smtpd_relay_restrictions =",
        "smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination",
    )
    assert list(holes(settings)) == []


def test_an_override_in_master_cf_beats_main_cf():
    """probes.md 6.2: `-o smtpd_relay_restrictions=permit` on one service opens that service alone."""
    settings = of_postfix(
        f"smtpd_relay_restrictions = {STOCK_RELAY}",
        services=MASTER + "2525      inet  n       -       y       -       -       smtpd\n",
        overrides="2525/inet/smtpd_relay_restrictions = permit\n",
    )
    assert list(holes(settings)) == [("2525", "open")]


def test_postscreen_is_judged_by_the_smtpd_behind_it():
    services = "smtp inet n - y - 1 postscreen\nsmtpd pass - - y - - smtpd\n"
    assert list(holes(of_postfix("smtpd_relay_restrictions = permit", services=services))) == [
        ("smtpd", "open")
    ]


def test_parameters_nobody_asked_for_stay_out():
    main = postfix.parse_parameters(
        "smtp_sasl_password_maps = static:user:geheim\nmynetworks = 127.0.0.0/8\n"
    )
    assert main == (("mynetworks", "127.0.0.0/8"),)
    assert postfix.parse_overrides("smtp/unix/smtp_sasl_password_maps = static:u:geheim\n") == ()


def test_postfix_names_its_helpers_and_blocklists():
    settings = of_postfix(
        "smtpd_milters = inet:localhost:11332, { unix:/run/opendkim.sock, connect_timeout=10s }",
        "smtpd_recipient_restrictions = permit_mynetworks, reject_rbl_client zen.spamhaus.org=127.0.0.[2..11],"
        " reject_rhsbl_sender dbl.spamhaus.org, check_policy_service inet:127.0.0.1:10040",
        "postscreen_dnsbl_sites = bl.spamcop.net*2 zen.spamhaus.org*3",
        "smtpd_sasl_type = dovecot",
        "smtpd_sasl_path = private/auth",
        "smtpd_sasl_auth_enable = yes",
    )
    assert helper_sockets(settings) == (
        "inet:localhost:11332",
        "unix:/run/opendkim.sock",
        "inet:127.0.0.1:10040",
        "unix:private/auth",
    )
    assert dns_lists(settings) == ("zen.spamhaus.org", "dbl.spamhaus.org", "bl.spamcop.net")


STOCK_SMTPD = """\
# comment with "quotes
table aliases file:/etc/aliases
listen on localhost
action "local" maildir alias <aliases>
action "relay" relay
match from any for domain "example.org" action "local"
match for local action "local"
match from local for any action "relay"
"""


def test_stock_opensmtpd_relays_only_for_itself():
    settings = of_opensmtpd(STOCK_SMTPD)
    assert list(holes(settings)) == []
    assert trusted_networks(settings, ("198.51.100.10",)).networks == ()


@pytest.mark.parametrize(
    "rule",
    [
        'match from any for any action "relay"',
        "match from any for any action relay",
        'match from any for ! domain "example.org" action "relay"',
        'match from ! src 192.0.2.0/24 for any action "relay"',
        'match from any mail-from "boss@example.org" for any action "relay"',
        'match from mail-from "@example.org" for any action "relay"',
        'match from any for domain regex ".*" action "relay"',
        'match from any \\\n for any action "relay"',
    ],
)
def test_rules_of_opensmtpd_that_let_anybody_relay_are_found(rule):
    assert len(list(holes(of_opensmtpd(STOCK_SMTPD + rule + "\n")))) == 1


@pytest.mark.parametrize(
    "rule",
    [
        'match auth from any for any action "relay"',
        'match from any auth <users> for any action "relay"',
        'match from auth for any action "relay"',
        'match from any for domain "example.net" action "relay"',
        "match from any for any reject",
        'match from src 10.0.0.0/8 for any action "relay"',
    ],
)
def test_rules_of_opensmtpd_that_need_a_login_or_name_their_clients_are_no_holes(rule):
    assert list(holes(of_opensmtpd(STOCK_SMTPD + rule + "\n"))) == []


def test_sources_that_opensmtpd_relays_for_are_trusted_networks_also_through_tables_and_macros():
    text = STOCK_SMTPD + (
        'lan = "10.0.0.0/8"\ntable office { 192.0.2.0/24, 2001:db8::/32 }\n'
        'match from src $lan for any action "relay"\nmatch from src <office> for any action "relay"\n'
        'match from src <other> for any action "relay"\n'
    )
    trusted = trusted_networks(of_opensmtpd(text), ())
    assert trusted.networks == ("10.0.0.0/8", "192.0.2.0/24", "2001:db8::/32")
    assert trusted.unreadable == ("<other>",)


def test_credentials_in_smtpd_conf_stay_out():
    text = (
        STOCK_SMTPD
        + 'table creds { alice = "$2b$SECRET" }\naction out relay host smtps://user:SECRET@smart auth <creds>\n'
    )
    assert "SECRET" not in repr(of_opensmtpd(text))


EXIM_CONFIG = """\
# Exim Configuration (4.98.2)
domainlist local_domains = @:localhost
hostlist relay_from_hosts = : 127.0.0.1 : ::::1 : 10.0.0.0/8
log_file_path = /var/log/exim4/%slog
hide mysql_servers = localhost/db/user/SECRET
smtp_accept_max = 20

begin acl

  acl_check_rcpt:
    deny
    dnslists = zen.spamhaus.org=127.0.0.2 : bl.spamcop.net
    defer
    ratelimit = 500 / 1d / per_rcpt / strict / user-$authenticated_id
"""


def test_exim_s_list_of_relay_hosts_has_doubled_colons():
    options, relay, lists, _ = exim.parse_config(EXIM_CONFIG)
    settings = MtaSettings(
        mta=Mta.EXIM, exim=exim.EximSettings(options=options, relay_from_hosts=relay, dns_lists=lists)
    )
    assert trusted_networks(settings, ()).networks == ("127.0.0.1/32", "::1/128", "10.0.0.0/8")
    assert dns_lists(settings) == ("zen.spamhaus.org", "bl.spamcop.net")
    assert exim.parse_rate_limits(EXIM_CONFIG) == ("500 / 1d / per_rcpt / strict / user-$authenticated_id",)
    assert "SECRET" not in repr(settings)


SESSION = """
**** SMTP testing session as if from host 192.0.2.77

220 mx1.example ESMTP Exim 4.96 Sat, 21 Nov 2026 23:33:02 +0000
250-mx1.example Hello x.example.net [192.0.2.77]
250 HELP
250 OK
{reply}
501 relay-test%example.com@localhost: restricted
221 mx1.example closing connection
"""


@pytest.mark.parametrize(("reply", "open_"), [("550 relay not permitted", False), ("250 Accepted", True)])
def test_exim_tells_in_a_pretended_session_whether_it_relays(reply, open_):
    stranger = exim.parse_session(SESSION.format(reply=reply), ("a@example.com", "b%example.com@localhost"))
    settings = MtaSettings(mta=Mta.EXIM, exim=exim.EximSettings(stranger=stranger))
    assert stranger[0] == ("a@example.com", int(reply[:3]))
    assert bool(list(holes(settings))) is open_


def test_an_exim_list_may_name_another_divider():
    assert exim.split_list("<; 10.0.0.0/8 ; 2001:db8::/32") == ("10.0.0.0/8", "2001:db8::/32")


TEST_MODE = """\
ADDRESS TEST MODE (ruleset 3 NOT automatically invoked)
Enter <ruleset> <address>
> partner.example
10.2
> > > > > check_rcpt         input: relay-test @ example . com
checkrcpt        returns: {verdict}
check_rcpt       returns: {verdict}
>
"""
REFUSED = '$# error $@ 5 . 7 . 1 $: "550 Relaying denied"'


@pytest.mark.parametrize(("verdict", "open_"), [(REFUSED, False), ("OK", True)])
def test_sendmail_tells_in_test_mode_whether_it_relays(verdict, open_):
    members, said = sendmail.parse_test_mode(TEST_MODE.format(verdict=verdict))
    settings = MtaSettings(
        mta=Mta.SENDMAIL,
        sendmail=sendmail.SendmailSettings(
            relay_domains=members,
            relaying_entries=sendmail.parse_access(
                "connect:127\tRELAY\nconnect:192.0.2\tREJECT\nconnect:10.1\tRELAY\n"
            ),
            stranger=said,
        ),
    )
    assert bool(list(holes(settings))) is open_
    trusted = trusted_networks(settings, ())
    assert trusted.networks == ("10.2.0.0/16", "127.0.0.0/8", "10.1.0.0/16")
    assert trusted.unreadable == ("partner.example",)


def test_sendmail_cf_gives_options_milters_and_blocklists():
    text = (
        "O MaxDaemonChildren=0\nO AuthInfo=SECRET\nXrspamd, S=inet:11332@127.0.0.1, F=T, T=C:5m\n"
        "Xfilter, S=local:/run/f.sock\n"
        "R$*\t\t\t$: $(dnsbl $1.$2.$3.$4.zen.spamhaus.org. $: OK $)\n"
    )
    options, milters, lists = sendmail.parse_cf(text)
    assert options == (("MaxDaemonChildren", "0"),)
    assert milters == (("inet:11332@127.0.0.1", "T"), ("local:/run/f.sock", ""))
    assert lists == ("zen.spamhaus.org",)


CONTROL = "SRateControl\nR$+\t\t$: $>SearchList <! ClientRate> $| $1 <>\n"
ACCESS = "clientrate:127\t0\nclientrate:\t10\nclientconn:\t10\nconnect:127\tRELAY\n"
"""`makemap -u hash access` of Debian's Sendmail, shortened."""


def test_a_limit_of_the_access_map_holds_where_a_rule_asks_for_it_and_for_clients_without_an_entry():
    assert sendmail.client_limits(CONTROL, ACCESS) == (("ClientRate", "10"),)
    assert sendmail.client_limits("", ACCESS) == ()
    assert sendmail.client_limits(CONTROL, "clientrate:127\t0\n") == ()
