"""The mail program's own settings, judged."""

import pytest

from auditor.checks import (
    blocklists_in_use_alive,
    chroot_resolver_current,
    connection_limits_set,
    helper_failure_defers,
    mta_config_parses,
    relay_restrictions_effective,
    sender_bound_to_login,
    trusted_networks_narrow,
)
from auditor.evidence import exim, opensmtpd, postfix, sendmail
from auditor.evidence.exim import EximSettings
from auditor.evidence.mta import Mta, MtaDaemon, MtaRunning, TrustedNetworks
from auditor.evidence.mta_settings import MtaSettings
from auditor.evidence.resolvers import ResolverSettings, parse_nameservers
from auditor.evidence.sendmail import SendmailSettings
from auditor.inside.command import Output
from auditor.inside.mta import config_complaints, mta_settings, the_one
from auditor.model import (
    Declared,
    Failed,
    Host,
    Inconclusive,
    NotApplicable,
    Passed,
    Reason,
    Severity,
    Unavailable,
)
from auditor.net import CannotLook

SMTP = "smtp       inet  n       -       y       -       -       smtpd\n"
SUBMISSION = "submission inet  n       -       y       -       -       smtpd\n"
REFUSED = '$# error $@ 5 . 7 . 1 $: "550 Relaying denied"'


def of_postfix(*lines: str, services: str = SMTP, overrides: str = "") -> MtaSettings:
    return MtaSettings(
        mta=Mta.POSTFIX,
        postfix=postfix.PostfixSettings(
            main=postfix.parse_parameters("\n".join(lines)),
            services=postfix.parse_services(services),
            overrides=postfix.parse_overrides(overrides),
        ),
    )


def of_exim(**fields) -> MtaSettings:
    return MtaSettings(mta=Mta.EXIM, exim=EximSettings(**fields))


def of_sendmail(**fields) -> MtaSettings:
    return MtaSettings(mta=Mta.SENDMAIL, sendmail=SendmailSettings(**fields))


def of_opensmtpd(text: str) -> MtaSettings:
    return MtaSettings(mta=Mta.OPENSMTPD, opensmtpd=opensmtpd.parse_smtpd_conf(text))


def running(*kinds: Mta) -> MtaRunning:
    return MtaRunning(
        daemons=tuple(MtaDaemon(mta=m, pid=i, command="", ports=(25,)) for i, m in enumerate(kinds, 1))
    )


@pytest.mark.parametrize(
    ("networks", "declared", "severity"),
    [
        (("127.0.0.0/8", "::1/128"), (), None),
        (("198.51.100.10/32",), (), None),
        (("0.0.0.0/0",), (), Severity.CRITICAL),
        (("8.8.0.0/16",), (), Severity.CRITICAL),
        (("10.0.0.0/8",), (), Severity.HIGH),
        (("10.1.0.0/16",), ("10.0.0.0/8",), None),
        (("10.0.0.0/8",), ("10.1.0.0/16",), Severity.HIGH),
        (("::/0",), (), Severity.CRITICAL),
    ],
)
def test_networks_beyond_what_was_declared_fail(networks, declared, severity):
    trusted = TrustedNetworks(mta=Mta.POSTFIX, networks=networks, own_addresses=("198.51.100.10",))
    verdict = trusted_networks_narrow.judge(
        trusted, Host(name="mx", declared=Declared(trusted_networks=declared))
    )
    if severity is None:
        assert isinstance(verdict, Passed)
    else:
        assert isinstance(verdict, Failed)
        assert verdict.severity is severity


def test_a_table_of_trusted_clients_is_unknown_not_fine():
    trusted = TrustedNetworks(
        mta=Mta.POSTFIX, networks=("127.0.0.0/8",), unreadable=("hash:/etc/postfix/nets",)
    )
    assert isinstance(trusted_networks_narrow.judge(trusted, Host(name="mx")), Inconclusive)


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        (of_postfix("smtpd_relay_restrictions = permit_mynetworks defer_unauth_destination"), Passed),
        (of_postfix("smtpd_relay_restrictions = permit_mynetworks"), Failed),
        (of_postfix("smtpd_relay_restrictions = check_client_access cidr:/x, reject"), Inconclusive),
        (of_postfix("smtpd_relay_restrictions = check_sender_access hash:/x, reject"), Failed),
        (of_exim(stranger=(("a@example.com", 550),)), Passed),
        (of_exim(stranger=(("a@example.com", 250), ("b", 550))), Failed),
        (of_exim(stranger=(("a@example.com", 451),)), Inconclusive),
        (of_exim(stranger=(("a@example.com", 0),)), Inconclusive),
        (of_sendmail(stranger=REFUSED), Passed),
        (of_sendmail(stranger="OK"), Failed),
        (of_sendmail(stranger=""), Inconclusive),
        (of_opensmtpd('action "r" relay\nmatch from local for any action "r"\n'), Passed),
        (of_opensmtpd('action "r" relay\nmatch from any for any action "r"\n'), Failed),
        (of_opensmtpd('include "/etc/smtpd.local"\n'), Inconclusive),
    ],
)
def test_the_rules_of_each_program_against_a_stranger(settings, kind):
    assert isinstance(relay_restrictions_effective.judge(settings), kind)


def output(code: int = 0, stdout: str = "", stderr: str = "", problem: Reason | None = None) -> Output:
    return Output(
        command="x", exit_code=code, stdout=stdout.encode(), stderr=stderr.encode(), problem=problem
    )


FINE = output()


def test_a_misspelt_parameter_of_postfix_is_a_complaint():
    said = "postconf: warning: /etc/postfix/main.cf: unused parameter: foo_typo=1\n"
    found = config_complaints(output(stderr=said), FINE, FINE, FINE, FINE, running(Mta.POSTFIX))
    assert found.lines == ("warning: /etc/postfix/main.cf: unused parameter: foo_typo=1",)
    assert isinstance(mta_config_parses.judge(found), Failed)


def test_a_parameter_that_this_version_does_not_know_is_our_question_not_their_fault():
    said = "postconf: warning: smtpd_forbid_bare_newline: unknown parameter\n"
    found = config_complaints(FINE, output(stderr=said), FINE, FINE, FINE, running(Mta.POSTFIX))
    assert isinstance(mta_config_parses.judge(found), Passed)


@pytest.mark.parametrize(
    ("mta", "position", "stderr"),
    [
        (Mta.EXIM, 2, "Exim configuration error in line 12 of /etc/exim4/exim4.conf:\n  unknown option\n"),
        (Mta.OPENSMTPD, 3, "/etc/smtpd.conf:12: syntax error\n"),
        (Mta.SENDMAIL, 4, "/etc/mail/sendmail.cf: line 5: unknown configuration line\n"),
    ],
)
def test_a_configuration_that_the_program_refuses_fails_in_its_own_words(mta, position, stderr):
    outputs = [FINE] * 5
    outputs[position] = output(1, stderr=stderr)
    verdict = mta_config_parses.judge(config_complaints(*outputs, running(mta)))
    assert isinstance(verdict, Failed)
    assert stderr.splitlines()[-1].strip() in [row["says"] for row in verdict.observed]


@pytest.mark.parametrize(
    "trouble", [output(127), output(problem=Reason.TIMEOUT), output(problem=Reason.PRIVILEGE)]
)
def test_a_check_that_could_not_be_run_is_no_complaint_and_no_praise(trouble):
    with pytest.raises(CannotLook):
        config_complaints(FINE, FINE, trouble, FINE, FINE, running(Mta.EXIM))


@pytest.mark.parametrize(
    "found", [running(), running(Mta.POSTFIX, Mta.EXIM), MtaRunning(strangers=((25, "qmail"),))]
)
def test_settings_are_read_of_one_program_only(found):
    with pytest.raises(CannotLook):
        the_one(found)


def test_a_broken_configuration_makes_the_settings_unknown_not_empty():
    broken = Unavailable(Reason.COMMAND_FAILED, "exim-config: exit 1")
    with pytest.raises(CannotLook) as caught:
        mta_settings(running(Mta.EXIM), broken, broken, broken, broken)
    assert caught.value.reason is Reason.COMMAND_FAILED
    fine = mta_settings(running(Mta.EXIM), broken, EximSettings(), broken, broken)
    assert (fine.mta, fine.exim, fine.postfix) == (Mta.EXIM, EximSettings(), None)


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        (of_postfix("smtpd_client_connection_rate_limit = 30"), Passed),
        (of_postfix("smtpd_client_connection_rate_limit = 0"), Failed),
        (of_exim(options=(("smtp_accept_max_per_host", "10"),)), Passed),
        (of_exim(options=(("smtp_accept_max_per_host", ""),)), Failed),
        (of_sendmail(client_limits=(("ClientRate", "10"),)), Passed),
        (of_sendmail(client_limits=(("ClientConn", "0"),)), Failed),
        (of_sendmail(), Failed),
        (of_opensmtpd("listen on localhost\n"), NotApplicable),
    ],
)
def test_a_limit_per_client_is_told_from_each_program_s_own_setting(settings, kind):
    assert isinstance(connection_limits_set.judge(settings), kind)


def test_what_postfix_does_by_itself_is_told_beside_what_it_does_not():
    verdict = connection_limits_set.judge(
        of_postfix("smtpd_client_connection_rate_limit = 0", "smtpd_client_connection_count_limit = 50")
    )
    assert verdict.summary == "nothing limits how often one client may connect; at once it may hold 50"


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        (of_postfix("smtpd_milters = inet:localhost:11332", "milter_default_action = accept"), Failed),
        (of_postfix("smtpd_milters = inet:localhost:11332", "milter_default_action = tempfail"), Passed),
        (of_postfix("smtpd_milters ="), NotApplicable),
        (of_sendmail(milters=(("inet:11332@127.0.0.1", ""),)), Failed),
        (of_sendmail(milters=(("inet:11332@127.0.0.1", "T"),)), Passed),
        (of_exim(), NotApplicable),
    ],
)
def test_a_dead_filter_must_not_wave_mail_through(settings, kind):
    assert isinstance(helper_failure_defers.judge(settings), kind)


def test_a_stale_copy_of_resolv_conf_in_the_chroot_fails():
    stock = of_postfix("mynetworks = 127.0.0.0/8")
    stale = ResolverSettings(nameservers=("192.0.2.10",), chroot_nameservers=("192.0.2.11",))
    current = ResolverSettings(nameservers=("192.0.2.10",), chroot_nameservers=("192.0.2.10",))
    judge = chroot_resolver_current.judge
    assert isinstance(judge(running(Mta.POSTFIX), stale, stock), Failed)
    assert isinstance(judge(running(Mta.POSTFIX), current, stock), Passed)
    assert isinstance(judge(running(Mta.EXIM), stale, stock), NotApplicable)
    unchrooted = of_postfix(services=SMTP.replace(" y ", " n "))
    assert isinstance(judge(running(Mta.POSTFIX), stale, unchrooted), NotApplicable)


def test_only_addresses_are_name_servers_and_only_three():
    text = "nameserver 192.0.2.1\nnameserver nonsense\nnameserver fe80::1%eth0\n#nameserver 192.0.2.9\n"
    assert parse_nameservers(text) == ("192.0.2.1", "fe80::1%eth0")
    assert len(parse_nameservers("nameserver 192.0.2.1\n" * 9)) == 3


BOUND = "submission/inet/smtpd_sender_restrictions = reject_sender_login_mismatch"
AUTH = "submission/inet/smtpd_sasl_auth_enable = yes\n"


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        (of_postfix("smtpd_sasl_auth_enable = no"), NotApplicable),
        (of_postfix(services=SMTP + SUBMISSION, overrides=AUTH), Failed),
        (of_postfix(services=SMTP + SUBMISSION, overrides=AUTH + BOUND), Failed),
        (
            of_postfix(
                "smtpd_sender_login_maps = hash:/x", services=SMTP + SUBMISSION, overrides=AUTH + BOUND
            ),
            Passed,
        ),
        (of_postfix("smtpd_sender_login_maps = hash:/x", "smtpd_sasl_auth_enable = yes"), Failed),
        (of_exim(), NotApplicable),
        (of_exim(authenticators=("plaintext",)), Failed),
        (of_exim(authenticators=("plaintext",), binds_senders=True), Passed),
        (of_sendmail(sasl_accounts=0), NotApplicable),
        (of_sendmail(sasl_accounts=2), Failed),
        (of_sendmail(sasl_accounts=None), Failed),
        (of_sendmail(options=(("AuthMechanisms", "PLAIN"),)), Failed),
        (of_sendmail(options=(("AuthMechanisms", "PLAIN"),), binds_senders=True), Passed),
        (
            of_sendmail(options=(("AuthMechanisms", "PLAIN"),), milters=(("inet:1@127.0.0.1", "T"),)),
            Inconclusive,
        ),
        (of_opensmtpd("listen on 0.0.0.0 port 587 tls-require auth <creds>\n"), Failed),
        (of_opensmtpd("listen on 0.0.0.0 port 587 tls-require auth <creds> senders <map>\n"), Passed),
        (of_opensmtpd("listen on localhost\n"), NotApplicable),
    ],
)
def test_a_user_sends_as_himself_only(settings, kind):
    assert isinstance(sender_bound_to_login.judge(settings), kind)


EMPTY = 'SLocal_check_mail\nS{}\nR$*\t$: $1 $| $>"Local_check_mail" $1\n'
IN_MAIL = 'SLocal_check_mail\nR$*\t$: <$&{auth_authen}> $1\nR$*\t$#error $: "550 not yours"\n'
IN_RCPT = 'SLocal_check_rcpt\nR$*\t$: <$&{auth_authen}> $&f\nR$*\t$#error $: "550 not yours"\n'
LIMIT = 'SLocal_check_rcpt\nR$*\t$: $>Limit $&{auth_authen}\nR$*\t$#error $: "450 too much"\n'


@pytest.mark.parametrize(
    ("cf", "bound"),
    [
        (EMPTY.format("check_mail") + IN_MAIL, True),
        (EMPTY.format("checkmail") + IN_MAIL, False),
        (EMPTY.format("checkmail") + IN_RCPT, True),
        (EMPTY.format("checkmail") + LIMIT, False),
        ("SLocal_check_mail\nSBasic_check_mail\n" + IN_RCPT.replace("SLocal_check_rcpt", ""), False),
    ],
    ids=[
        "MAIL",
        "MAIL, which delay_checks does not ask",
        "RCPT",
        "a limit and no binding",
        "another ruleset",
    ],
)
def test_sendmail_s_local_rule_for_senders_is_read_where_a_login_comes_by(cf: str, bound: bool):
    assert sendmail.binds_senders(cf) is bound


def test_exim_s_authenticators_and_its_rule_for_senders_are_read():
    text = (
        "begin authenticators\n\n  plain:\n    driver = plaintext\n    server_condition = ${x}\n"
        "  client:\n    driver = cram_md5\n    client_name = x\n"
    )
    assert exim.parse_authenticators(text) == ("plaintext",)
    assert exim.binds_senders("    !senders = : ${lookup{$authenticated_id}lsearch{/etc/x}{$value}{}}\n")
    assert not exim.binds_senders(
        "# !senders = $authenticated_id\n  ratelimit = 5 / 1d / $authenticated_id\n"
    )


@pytest.mark.parametrize(
    ("zones", "kind"),
    [
        ((), NotApplicable),
        (("zen.spamhaus.org",), Passed),
        (("zen.spamhaus.org", "dnsbl.sorbs.net"), Failed),
        (("notsorbs.net",), Passed),
    ],
)
def test_dead_blocklists_are_known_by_name_and_by_parent(zones, kind):
    assert isinstance(blocklists_in_use_alive.judge(of_exim(dns_lists=zones)), kind)
