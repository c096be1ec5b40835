from dataclasses import replace

import pytest

from auditor.checks import helo_name_resolves
from auditor.evidence.reply import Reply
from auditor.evidence.smtp import SmtpSessions
from auditor.model import Failed, Inconclusive, Passed, Reason, Severity
from auditor.probes.greeting_name import greeting_names
from tests.dane_evidence import CERTIFICATE, HOST, UNSEEN, port_25
from tests.dns_evidence import failing, zone


def greeting(text):
    door = port_25(CERTIFICATE).doors[0]
    return SmtpSessions(
        doors=(replace(door, session=replace(door.session, hello=Reply(code=250, lines=(text, "SIZE")))),)
    )


async def verdict(text="mx.example.org Hello", **table):
    return helo_name_resolves.judge(await greeting_names(HOST, greeting(text), zone(table)))


async def test_a_name_that_leads_to_the_host_passes():
    assert isinstance(await verdict(**{"mx.example.org A": "192.0.2.1"}), Passed)


async def test_a_name_without_address_fails():
    assert isinstance(await verdict(), Failed)


@pytest.mark.parametrize(
    "text", ["localhost", "mx", "", "[192.0.2.1]", "\x1b[2J.example.org", "a..b", "mx_1.example.org"]
)
async def test_what_is_no_full_name_fails_and_is_shown_escaped(text):
    found = await verdict(text)
    assert isinstance(found, Failed)
    assert found.summary.isprintable()


async def test_a_name_that_leads_elsewhere_fails_mildly():
    found = await verdict(**{"mx.example.org A": "192.0.2.99"})
    assert isinstance(found, Failed)
    assert found.severity is Severity.LOW


async def test_a_name_that_could_not_be_asked_is_unknown():
    found = await verdict(**{"mx.example.org A": failing()})
    assert isinstance(found, Inconclusive)
    assert found.reason is Reason.SERVFAIL


async def test_nobody_greeted_is_unknown():
    assert isinstance(
        helo_name_resolves.judge(await greeting_names(HOST, port_25(UNSEEN), zone({}))), Inconclusive
    )
