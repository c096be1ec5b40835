import pytest

from auditor.checks.outbound_limited import judge
from auditor.evidence.sending_limits import SendingLimits, parse_limits, seconds_of
from auditor.evidence.units import Keeper, MailHelpers, Service
from auditor.inside.command import Output
from auditor.inside.sending_limits import sending_limits
from auditor.model import Declared, Failed, Host, Inconclusive, NotApplicable, Passed, Reason
from auditor.net import CannotLook
from tests.checks.test_mta import SMTP, SUBMISSION, of_exim, of_opensmtpd, of_postfix, of_sendmail

AUTH = "submission/inet/smtpd_sasl_auth_enable = yes\n"
POLICY = (
    "smtpd_end_of_data_restrictions = check_policy_service { inet:127.0.0.1:10040, default_action=DUNNO }"
)
POSTFWD = """== postfwd
id=DAY; protocol_state==END-OF-MESSAGE; sasl_username=~^.+$; action=rcpt(sasl_username/500/86400/450 4.7.1 quota)
"""
POLICYD = (
    "== policyd-rate-limit\nlimits:\n    - [10, 60] # a minute\n    - [150, 86400]\nlimit_by_sasl: True\n"
)
RSPAMD = """== rspamd
rates {
    user_daily { selector = "user.lower"; bucket = { burst = 400; rate = "400 / 1d"; } }
    to = { bucket = { burst = 1; rate = "1 / 1m"; } }
}
"""


def helper(socket, unit, pid=7):
    return Service(name=socket, pid=pid, keeper=Keeper.UNIT, keeper_name=unit)


def verdict(settings, *local, files="", remote=(), per_day=None):
    declared = Declared(limits=(("per_day", per_day),)) if per_day else Declared()
    return judge(
        settings,
        MailHelpers(local=local, remote=remote),
        SendingLimits(found=parse_limits(files)),
        Host(name="mx1.example.org", declared=declared),
    )


def users(*lines, overrides=AUTH):
    return of_postfix(*lines, services=SMTP + SUBMISSION, overrides=overrides)


COUNTED = helper("inet:127.0.0.1:10040", "postfwd.service")
MILTER = helper("inet:127.0.0.1:11332", "rspamd.service")


def test_where_nobody_logs_in_there_is_nobody_to_limit():
    assert isinstance(verdict(of_postfix()), NotApplicable)


def test_postfix_that_asks_nobody_limits_nobody():
    assert isinstance(verdict(users()), Failed)


def test_a_limit_per_client_address_is_none_per_account():
    assert isinstance(verdict(users("smtpd_client_message_rate_limit = 30")), Failed)


def test_postfwd_counts_by_login_and_day():
    found = verdict(users(POLICY), COUNTED, files=POSTFWD)
    assert isinstance(found, Passed)
    assert "at most 500 a day" in found.summary


def test_a_limit_that_is_written_and_not_asked_for_limits_nobody():
    assert isinstance(verdict(users(), COUNTED, files=POSTFWD), Failed)


def test_a_counter_that_is_dead_limits_nobody():
    dead = helper("inet:127.0.0.1:10040", "postfwd.service", pid=None)
    assert isinstance(verdict(users(POLICY), dead, files=POSTFWD), Failed)


def test_a_counter_that_submission_leaves_out_limits_nobody():
    overridden = AUTH + "submission/inet/smtpd_end_of_data_restrictions = \n"
    assert isinstance(verdict(users(POLICY, overrides=overridden), COUNTED, files=POSTFWD), Failed)


def test_policyd_rate_limit_and_rspamd_are_read_too():
    policyd = users(
        "smtpd_data_restrictions = check_policy_service { unix:ratelimit/policy, default_action=DUNNO }"
    )
    one = helper("unix:ratelimit/policy", "policyd-rate-limit.service")
    assert "at most 150" in verdict(policyd, one, files=POLICYD).summary
    by_address = POLICYD.replace("True", "False")
    assert isinstance(verdict(policyd, one, files=by_address), Failed)
    milter = users("smtpd_milters = inet:127.0.0.1:11332")
    assert "at most 400" in verdict(milter, MILTER, files=RSPAMD).summary
    assert isinstance(verdict(milter, MILTER, files="== rspamd\n# nothing\n"), Failed)


def test_more_than_the_inventory_allows_fails():
    assert isinstance(verdict(users(POLICY), COUNTED, files=POSTFWD, per_day=200), Failed)
    assert isinstance(verdict(users(POLICY), COUNTED, files=POSTFWD, per_day=500), Passed)


def test_thirty_a_second_is_no_limit():
    assert isinstance(verdict(users(POLICY), COUNTED, files=POSTFWD.replace("500/86400", "30/1")), Failed)


@pytest.mark.parametrize("remote", [(), ("inet:192.0.2.9:10031",)])
def test_a_policy_service_that_is_not_known_is_unknown(remote):
    socket = remote[0] if remote else "inet:127.0.0.1:10040"
    asking = users(f"smtpd_recipient_restrictions = check_policy_service {socket}")
    local = () if remote else (helper(socket, "ours.service"),)
    found = verdict(asking, *local, remote=remote)
    assert isinstance(found, Inconclusive)
    assert found.reason is Reason.UNSUPPORTED


@pytest.mark.parametrize("unit", ["postgrey.service", "opendkim.service", "clamav-milter.service"])
def test_helpers_that_limit_nobody_are_known(unit):
    asking = users("smtpd_recipient_restrictions = check_policy_service inet:127.0.0.1:10023")
    assert isinstance(verdict(asking, helper("inet:127.0.0.1:10023", unit)), Failed)


@pytest.mark.parametrize(
    ("limits", "kind"),
    [
        ((), Failed),
        (("500 / 1d / per_rcpt / strict / day-$authenticated_id",), Passed),
        (("100 / 1h / per_rcpt / strict / $authenticated_id",), Passed),
        (("500 / 1d / per_rcpt / strict / $sender_host_address",), Failed),
    ],
)
def test_exim_counts_by_itself_and_by_login(limits, kind):
    assert isinstance(verdict(of_exim(authenticators=("plaintext",), rate_limits=limits)), kind)


def test_opensmtpd_and_sendmail_need_a_filter_and_the_words_say_so():
    listen = 'listen on 0.0.0.0 port 587 tls-require auth <c> filter "spam"\n'
    counted = of_opensmtpd('filter "spam" proc-exec "filter-rspamd"\n' + listen)
    assert isinstance(verdict(counted, files=RSPAMD), Passed)
    signed = 'filter "sign" proc-exec "filter-dkimsign -d x"\n' + listen.replace("spam", "sign")
    assert isinstance(verdict(of_opensmtpd(signed), files=RSPAMD), Failed)
    ruled = "filter spam phase connect match rdns regex x disconnect bye\n" + listen
    assert isinstance(verdict(of_opensmtpd(ruled), files=RSPAMD), Failed)
    plain = verdict(of_opensmtpd("listen on 0.0.0.0 port 587 tls-require auth <c>\n"), files=RSPAMD)
    assert isinstance(plain, Failed)
    assert "opensmtpd-filter-rspamd" in (plain.by_hand or "")
    sendmail = of_sendmail(options=(("AuthMechanisms", "PLAIN"),), milters=(("inet:11332@127.0.0.1", "T"),))
    milter = helper("inet:11332@127.0.0.1", "rspamd.service")
    assert isinstance(verdict(sendmail, milter, files=RSPAMD), Passed)
    assert isinstance(verdict(sendmail, milter), Failed)


@pytest.mark.parametrize(
    ("filter_", "kind"),
    [
        ('proc-exec "/usr/libexec/opensmtpd/filter-dkimsign -d x" user _dkimsign', Failed),
        ('phase connect match !fcrdns disconnect "550 no name"', Failed),
        ('proc-exec "/usr/local/sbin/ours"', Inconclusive),
    ],
)
def test_a_filter_that_signs_or_asks_for_a_name_counts_nothing_and_another_may(filter_, kind):
    listen = 'listen on 0.0.0.0 port 587 tls-require auth <c> filter "f"\n'
    assert isinstance(verdict(of_opensmtpd(f'filter "f" {filter_}\n{listen}')), kind)


@pytest.mark.parametrize(
    ("text", "seconds"), [("1d", 86400), ("1h30m", 5400), ("3600", 3600), ("1 hour", 3600), ("soon", 0)]
)
def test_spans_of_time_are_read_as_each_program_writes_them(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "== rspamd\n" + "a{" * 20000,
        "== postfwd\n" + "rcpt(" * 9999,
        "== policyd-rate-limit\nlimits:" + "[" * 9999,
    ],
)
def test_a_hostile_file_is_read_in_time_and_says_nothing(text):
    assert parse_limits(text) == ()


def test_a_file_that_was_not_shown_is_no_file_without_limits():
    with pytest.raises(CannotLook):
        sending_limits(Output(command="sending-limits", exit_code=-1, problem=Reason.PRIVILEGE))
