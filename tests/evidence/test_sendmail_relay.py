"""Sendmail's rule sets are asked whether they relay, and a refusal for another reason is no answer."""

import pytest

from auditor.evidence.sendmail import SendmailSettings, parse_test_mode

INPUT = "> > check_rcpt         input: relay-test @ example . com\n"
STOCK = (
    INPUT
    + 'Basic_check_rcpt returns: $# error $@ 5 . 7 . 1 $: "550 Relaying denied"\n'
    + 'check_rcpt       returns: $# error $@ 5 . 7 . 1 $: "550 Relaying denied"\n'
)
PROMISCUOUS = (
    INPUT
    + "Basic_check_rcpt returns: relay-test @ example . com $| @ relay-test < @ example . com >\n"
    + 'check_rcpt       returns: $# error $@ 5 . 5 . 4 $: "553 Domain name required for sender address "\n'
)
WITHOUT_DELAY = INPUT + "check_rcpt       returns: relay-test @ example . com\n"
ABOUT_US = INPUT + 'check_rcpt       returns: $# error $@ 5 . 7 . 1 $: "550 Access denied"\n'


@pytest.mark.parametrize(
    ("said", "refused"),
    [(STOCK, True), (PROMISCUOUS, False), (WITHOUT_DELAY, False), (ABOUT_US, None), ("", None)],
)
def test_only_a_refusal_to_relay_is_a_refusal(said, refused):
    _, verdict = parse_test_mode(said)

    assert SendmailSettings(stranger=verdict).strangers_refused is refused
