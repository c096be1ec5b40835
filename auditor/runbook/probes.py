"""The probes a runbook may verify by: each looks once and says ok, failed or unknown, and why in one line."""

from collections.abc import Mapping
from typing import Final

from auditor.runbook import from_outside, on_host, proof, reckoning
from auditor.runbook.journal import NAME, read
from auditor.runbook.scene import Probe, Scene
from auditor.runbook.world import Outcome


def _queue_held(scene: Scene) -> Outcome:
    if scene.now is None:
        return Outcome.unknown("the queue cannot be counted")
    if scene.now.held < scene.now.total:
        return Outcome.failed(
            f"{scene.now.total - scene.now.held} of {scene.now.total} messages are not held"
        )
    return Outcome.ok(f"{scene.now.held} held")


def _queue_empty(scene: Scene) -> Outcome:
    if scene.now is None:
        return Outcome.unknown("the queue cannot be counted")
    return Outcome.ok() if scene.now.total == 0 else Outcome.failed(f"{scene.now.total} messages wait")


def _not_growing(scene: Scene) -> Outcome:
    if scene.now is None or scene.before is None:
        return Outcome.unknown("the queue was not counted before and after")
    told = f"{scene.before.total} before, {scene.now.total} now"
    return Outcome.ok(told) if scene.now.total <= scene.before.total else Outcome.failed(told)


def _reduced(scene: Scene) -> Outcome:
    if scene.now is None or scene.before is None:
        return Outcome.unknown("the queue was not counted before and after")
    selected = int(scene.args.get("selected_count", "0"))
    told = f"{scene.before.total} - {selected} selected, {scene.now.total} left"
    return Outcome.ok(told) if scene.before.total - selected == scene.now.total else Outcome.failed(told)


def _rehash(scene: Scene) -> Outcome:
    bad = list(proof.file_flaws(scene.folder, read(scene.folder / NAME)))
    return Outcome.failed(bad[0].text) if bad else Outcome.ok("every file reads back as it was written")


def _balanced(scene: Scene) -> Outcome:
    return reckoning.outcome(scene.remote, scene.state, scene.folder)


PROBES: Final[Mapping[str, Probe]] = {
    "ssh.alive": from_outside.ssh_alive,
    "host.unreachable": from_outside.unreachable,
    "port.open": from_outside.port_open,
    "port.closed": from_outside.port_closed,
    "smtp.egress-refused": on_host.egress_refused,
    "smtp.refuses-relay": from_outside.refuses_relay,
    "smtp.accepts-recipient": from_outside.accepts_recipient,
    "smtp.transaction": from_outside.accepts_recipient,
    "login.refused": on_host.login_refused,
    "mail.flows": on_host.mail_flows,
    "queue.held": _queue_held,
    "queue.empty": _queue_empty,
    "queue.not-growing": _not_growing,
    "queue.reduced-by-selection": _reduced,
    "unit.active": on_host.unit_active,
    "unit.inactive": on_host.unit_inactive,
    "listener.in-unit": on_host.listener_in_unit,
    "resolver.answers": on_host.resolver,
    "isolation.active": on_host.isolation_active,
    "isolation.absent": on_host.isolation_absent,
    "sessions.none": on_host.no_sessions,
    "outbound.quiet": on_host.quiet,
    "manifest.rehash": _rehash,
    "accounting.balanced": _balanced,
}
