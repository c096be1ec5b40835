"""checkdmarc's grammars against hostile text: a complaint or none, never an exception and never a look-up."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auditor.probes._grammar import (
    dmarc_complaint,
    spf_complaint,
    sts_policy_complaint,
    sts_record_complaint,
    tls_rpt_complaint,
)

WORDS = st.sampled_from(
    [
        *("all", "a", "mx", "ptr", "include", "exists", "redirect", "exp", "ip4", "ip6", "-", "~", "?", "+"),
        *(
            ":",
            "=",
            "/",
            "//",
            "/33",
            "/0",
            "::",
            "1.2.3.4",
            "x.example",
            "%{i}",
            "%{z",
            "%%",
            "%_",
            "%{d2r.}",
        ),
        *(" ", "  ", "\t", "\n", ";", ",", "!", "!10m", '"', "\\", "\\x00", "mailto:", "https://", "@", "v"),
        *("p", "sp", "np", "rua", "ruf", "fo", "pct", "t", "psd", "ri", "adkim", "none", "reject", "0:1:d:s"),
        *("id", "mode", "enforce", "max_age", "version", "STSv1", "9" * 40, "*.", "a" * 70, "xn--", "[", "]"),
    ]
)
HOSTILE = st.one_of(st.text(max_size=200), st.lists(WORDS, max_size=30).map("".join))


@pytest.mark.parametrize(
    ("complain", "version"),
    [
        (spf_complaint, "v=spf1 "),
        (dmarc_complaint, "v=DMARC1; "),
        (sts_record_complaint, "v=STSv1; "),
        (sts_policy_complaint, "version: STSv1\n"),
        (tls_rpt_complaint, "v=TLSRPTv1; "),
    ],
)
@settings(max_examples=200, deadline=None)
@given(text=HOSTILE)
@example(text="")
@example(text="rua=mailto:a@[")
@example(text="p=none; rua=mailto:a@b.example!10x,https://[::1")
@example(text="include:" + "a." * 200 + "example -all")
def test_any_text_is_judged_without_an_exception(complain, version, text):
    complaint = complain(version + text)
    assert complaint is None or complaint.isprintable()


@pytest.mark.parametrize(
    ("complain", "good", "bad"),
    [
        (spf_complaint, "v=spf1 include:x.example ip4:192.0.2.0/24 ~all", "v=spf1 ip4:192.0.2.0/99 ~all"),
        (dmarc_complaint, "v=DMARC1; p=none; rua=mailto:a@b.example", "v=DMARC1; p=nothing"),
        (sts_record_complaint, "v=STSv1; id=1;", "v=STSv1; id=1-1;"),
        (sts_policy_complaint, "version: STSv1\nmode: none\nmax_age: 86400\n", "version: STSv1\nmode: off\n"),
        (tls_rpt_complaint, "v=TLSRPTv1; rua=https://a.example/", "v=TLSRPTv1; rua=a.example"),
    ],
)
def test_good_text_passes_and_bad_text_does_not(complain, good, bad):
    assert complain(good) is None
    assert complain(bad)


def test_what_a_name_holds_is_not_asked_here():
    """An include that leads nowhere, a circle and eleven look-ups are no questions of grammar."""
    assert spf_complaint("v=spf1 include:record.invalid -all") is None
    assert spf_complaint("v=spf1 " + "a:x.example " * 11 + "-all") is None
