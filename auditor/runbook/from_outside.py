"""Probes that look from here at the host, as any stranger could. Nothing is handed over."""

from typing import Final

from auditor.evidence import reply
from auditor.evidence.refusals import Meaning, meaning_of
from auditor.runbook.display import shown
from auditor.runbook.scene import Scene, said
from auditor.runbook.world import Outcome
from auditor.transport.dial import NoDialogue, Reach, may_send, reach
from auditor.transport.remote import Program

_FOREIGN_SENDER: Final = "probe@sender.invalid"
_FOREIGN_RECIPIENT: Final = "probe@recipient.example"
_NOT_ABOUT_RELAYING: Final = frozenset(
    {Meaning.PROBER_REFUSED, Meaning.NEEDS_TLS, Meaning.UNROUTABLE, Meaning.SYNTAX}
)


def ssh_alive(scene: Scene) -> Outcome:
    """A connection of its own, not the one that is open: that one may live on where no new one would."""
    fresh = scene.fresh()
    try:
        ran = fresh.run(Program(text="echo alive", timeout=15), limit=100)
    finally:
        fresh.close()
    return Outcome.ok("a new login works") if ran.stdout.strip() == b"alive" else Outcome.failed(said(ran))


def unreachable(scene: Scene) -> Outcome:
    """Nothing answers; see vocabulary.PROBES."""
    port = int(scene.arg("port", "port", "22"))
    seen = reach(scene.address, port)
    if seen is Reach.OPEN:
        return Outcome.failed(f"port {port} still answers")
    return (
        Outcome.unknown(f"port {port}: {seen}")
        if seen is Reach.UNKNOWN
        else Outcome.ok(f"port {port} {seen}")
    )


def port_open(scene: Scene) -> Outcome:
    """One TCP connection."""
    port = int(scene.arg("port", "port"))
    seen = reach(scene.address, port)
    if seen is Reach.UNKNOWN:
        return Outcome.unknown(f"port {port}: the attempt could not be made")
    return (
        Outcome.ok(f"port {port} answers") if seen is Reach.OPEN else Outcome.failed(f"port {port}: {seen}")
    )


def port_closed(scene: Scene) -> Outcome:
    """No TCP connection, whether refused or dropped."""
    port = int(scene.arg("port", "port"))
    seen = reach(scene.address, port)
    if seen is Reach.UNKNOWN:
        return Outcome.unknown(f"port {port}: the attempt could not be made")
    return Outcome.failed(f"port {port} answers") if seen is Reach.OPEN else Outcome.ok(f"port {port} {seen}")


def refuses_relay(scene: Scene) -> Outcome:
    """MAIL and RCPT for strangers, then QUIT. Only a 5xx to RCPT proves it, and not one about the sender, us or TLS."""
    try:
        mail, rcpt = may_send(scene.address, (_FOREIGN_SENDER, ""), _FOREIGN_RECIPIENT)
    except NoDialogue as error:
        return Outcome.unknown(shown(str(error)))
    if mail.code == 250 and rcpt.code // 100 == 2:
        return Outcome.failed(f"RCPT for a stranger: {rcpt.code} {shown(rcpt.text)}")
    answer = rcpt if mail.code == 250 else mail
    told = f"{answer.code} {shown(answer.text)}"
    if answer.code // 100 != 5:
        return Outcome.unknown(f"{told}: refused for now, which proves nothing")
    meaning = meaning_of(reply.Reply(code=answer.code, lines=tuple(answer.text.split("\n"))))
    proves = meaning not in _NOT_ABOUT_RELAYING if mail.code == 250 else meaning is Meaning.NEEDS_AUTH
    return Outcome.ok(told) if proves else Outcome.unknown(f"{told}: refused, but not for relaying")


def accepts_recipient(scene: Scene) -> Outcome:
    """MAIL and RCPT for one recipient, then QUIT. A 4xx says nothing."""
    try:
        mail, rcpt = may_send(scene.address, ("",), scene.arg("recipient", "address"))
    except NoDialogue as error:
        return Outcome.unknown(shown(str(error)))
    answer = rcpt if mail.code == 250 else mail
    if answer.code // 100 == 4:
        return Outcome.unknown(f"{answer.code} {shown(answer.text)}: not now")
    return (
        Outcome.ok(str(answer.code))
        if answer.code // 100 == 2
        else Outcome.failed(f"{answer.code} {shown(answer.text)}")
    )
