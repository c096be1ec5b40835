from auditor.checks import dmarc_reports_authorised
from auditor.model import Failed, Inconclusive, Passed, Reason, Severity
from auditor.net import CannotLook
from tests.dns_evidence import policy


async def test_no_report_address_fails_mildly():
    verdict = dmarc_reports_authorised.judge(await policy("v=DMARC1; p=reject"))
    assert isinstance(verdict, Failed)
    assert verdict.severity is Severity.LOW


async def test_reports_inside_the_organisation_need_no_consent():
    seen = await policy(
        "v=DMARC1; p=reject; rua=mailto:a@reports.example.org",
        **{"reports.example.org MX": "10 mx.example.org"},
    )
    assert isinstance(dmarc_reports_authorised.judge(seen), Passed)


async def test_a_foreign_address_must_agree():
    record = "v=DMARC1; p=reject; rua=mailto:a@reports.example!10m"
    foreign = {"_dmarc.reports.example": "v=DMARC1; p=reject", "reports.example MX": "10 mx.reports.example"}
    verdict = dmarc_reports_authorised.judge(await policy(record, **foreign))
    assert isinstance(verdict, Failed)
    agreed = {**foreign, "example.org._report._dmarc.reports.example": "v=DMARC1;"}
    assert isinstance(dmarc_reports_authorised.judge(await policy(record, **agreed)), Passed)


async def test_consent_that_could_not_be_asked_is_unknown():
    seen = await policy(
        "v=DMARC1; p=reject; rua=mailto:a@reports.example",
        **{
            "reports.example MX": "10 mx.reports.example",
            "example.org._report._dmarc.reports.example": CannotLook(Reason.SERVFAIL, "x"),
        },
    )
    verdict = dmarc_reports_authorised.judge(seen)
    assert isinstance(verdict, Inconclusive)
    assert verdict.reason is Reason.SERVFAIL
