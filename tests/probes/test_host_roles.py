from dataclasses import replace

from auditor.evidence.access import AccessDoor, AccessGreetings, Greeting
from auditor.evidence.reply import Reply
from auditor.evidence.roles import Role
from auditor.evidence.smtp import Door, Session, SubmissionSessions
from auditor.model import Declared, Reason, Unavailable
from auditor.probes.host_roles import host_roles
from tests.scanning import HOST

NOTHING = Unavailable(Reason.REFUSED, "refused")
GOOD = Reply(code=220, lines=("mx",))
SUBMISSION = SubmissionSessions(
    doors=(Door(address="a", port=587, session=Session(local="b", banner=GOOD, hello=GOOD)),)
)
IMAP = AccessGreetings(
    doors=(AccessDoor(address="a", port=143, greeting=Greeting(protocol="imap", banner="", capabilities=())),)
)


async def test_what_the_inventory_says_beats_what_is_seen():
    host = replace(HOST, declared=Declared(roles=("null-client", "no such role")))
    roles = await host_roles(host, NOTHING, SUBMISSION, IMAP)
    assert (roles.roles, roles.declared) == ((Role.NULL_CLIENT,), True)


async def test_else_roles_are_guessed_from_what_answers():
    roles = await host_roles(HOST, NOTHING, SUBMISSION, IMAP)
    assert (roles.roles, roles.declared) == ((Role.MX, Role.SUBMISSION, Role.MAILBOX), False)


async def test_what_was_not_seen_is_not_guessed():
    roles = await host_roles(replace(HOST, domains=()), NOTHING, NOTHING, NOTHING)
    assert roles.roles == ()
