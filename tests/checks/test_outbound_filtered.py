import pytest

from auditor.checks.outbound_filtered import judge
from auditor.evidence.exim import scans
from auditor.evidence.units import MailHelpers
from auditor.model import Failed, Inconclusive, NotApplicable, Passed
from tests.checks.test_mta import of_exim, of_opensmtpd, of_postfix, of_sendmail
from tests.checks.test_outbound_limited import AUTH, helper, users

RSPAMD = helper("inet:127.0.0.1:11332", "rspamd.service")
SIGNER = helper("inet:127.0.0.1:8891", "opendkim.service")
BOTH = "smtpd_milters = inet:127.0.0.1:11332, inet:127.0.0.1:8891"


def verdict(settings, *local):
    return judge(settings, MailHelpers(local=local))


def test_where_nobody_logs_in_nothing_goes_out_for_users():
    assert isinstance(verdict(of_postfix(BOTH), RSPAMD), NotApplicable)


def test_a_filter_at_the_door_where_users_log_in_passes():
    found = verdict(users(BOTH), RSPAMD, SIGNER)
    assert isinstance(found, Passed)
    assert "rspamd" in found.summary


def test_no_helper_at_all_and_a_signer_alone_fail():
    assert isinstance(verdict(users()), Failed)
    assert isinstance(verdict(users("smtpd_milters = inet:127.0.0.1:8891"), SIGNER), Failed)


@pytest.mark.parametrize("value", ["", "inet:127.0.0.1:8891"])
def test_a_filter_that_submission_leaves_out_never_sees_users_mail(value):
    overrides = AUTH + f"submission/inet/smtpd_milters = {value}\n"
    assert isinstance(verdict(users(BOTH, overrides=overrides), RSPAMD, SIGNER), Failed)


def test_a_filter_that_is_dead_filters_nothing():
    assert isinstance(verdict(users(BOTH), helper("inet:127.0.0.1:11332", "", pid=None), SIGNER), Failed)


def test_a_milter_that_is_not_known_is_unknown():
    found = verdict(
        users("smtpd_milters = inet:127.0.0.1:7777"), helper("inet:127.0.0.1:7777", "ours.service")
    )
    assert isinstance(found, Inconclusive)


def test_opensmtpd_filters_by_a_program_on_the_listener():
    listen = "listen on 0.0.0.0 port 587 tls-require auth <c> filter spam\n"
    assert isinstance(verdict(of_opensmtpd('filter spam proc-exec "filter-rspamd"\n' + listen)), Passed)
    assert isinstance(
        verdict(of_opensmtpd('filter spam proc-exec "filter-dkimsign -d x"\n' + listen)), Failed
    )
    assert isinstance(verdict(of_opensmtpd("listen on 0.0.0.0 port 587 tls-require auth <c>\n")), Failed)


def test_exim_filters_in_its_own_rules():
    assert isinstance(verdict(of_exim(authenticators=("plaintext",), scans=True)), Passed)
    assert isinstance(verdict(of_exim(authenticators=("plaintext",))), Failed)
    assert scans("  warn\n    spam = nobody:true\n")
    assert not scans("  # spam = nobody\n  warn spam_score = 3\n")
    assert scans("  deny\n    malware = *\n", "malware")
    assert not scans("  # malware = *\n", "malware")


@pytest.mark.parametrize("unit", ["clamav-milter.service", "clamsmtp.service"])
def test_a_virus_scanner_alone_fails_because_spam_carries_no_virus(unit):
    scanner = helper("inet:127.0.0.1:10060", unit)
    found = verdict(users("smtpd_milters = inet:127.0.0.1:10060"), scanner)
    assert isinstance(found, Failed)
    assert found.summary.startswith("only a virus scanner")
    both = users("smtpd_milters = inet:127.0.0.1:11332, inet:127.0.0.1:10060")
    assert isinstance(verdict(both, RSPAMD, scanner), Passed)
    of_malware = verdict(of_exim(authenticators=("plaintext",), scans_viruses=True))
    assert of_malware == found


def test_sendmail_filters_through_milters():
    options = (("AuthMechanisms", "PLAIN"),)
    milters = (("inet:11332@127.0.0.1", "T"),)
    assert isinstance(
        verdict(
            of_sendmail(options=options, milters=milters), helper("inet:11332@127.0.0.1", "rspamd.service")
        ),
        Passed,
    )
    assert isinstance(verdict(of_sendmail(options=options)), Failed)
