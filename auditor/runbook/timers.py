"""What is due, and what is overdue: computed from the journal and the runbooks, so that they survive every restart."""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from auditor.runbook.book import Book, applies, is_done, key
from auditor.runbook.clock import Instant, elapsed
from auditor.runbook.format import Kind, Step
from auditor.runbook.state import Progress, State
from auditor.runbook.values import seconds


class Timer(Struct, frozen=True, kw_only=True):
    """Something with a time. left is in seconds and negative when it is overdue."""

    name: str
    what: str
    left: float


def timers(book: Book, state: State, now: Instant) -> list[Timer]:
    """Every running timer, the most urgent first."""
    if state.opened is None or state.closed is not None:
        return []
    running = [*_deadlines(book, state, now), *_measures(state, now), *_returns(book, state, now)]
    for step in book.steps:
        running += [*_of_step(step, state, now), *_dead_man(book, step, state, now)]
    return sorted(running, key=lambda timer: timer.left)


def _deadlines(book: Book, state: State, now: Instant) -> Iterator[Timer]:
    assert state.opened is not None, "the caller looked"
    since = elapsed(state.opened, now)
    for runbook in book.runbooks.values():
        if runbook.id == state.runbooks[0].name:
            yield Timer(
                name="deadline",
                what="the incident should be over",
                left=seconds(runbook.front.deadline) - since,
            )
            contained = any(
                known.progress is Progress.OK and name in _measured(book)
                for name, known in state.steps.items()
            )
            if runbook.front.isolate_within and not contained:
                left = seconds(runbook.front.isolate_within) - since
                yield Timer(name="isolate", what="the host should be isolated", left=left)


def _measured(book: Book) -> frozenset[str]:
    """Steps that contain: those with a temporary measure."""
    return frozenset(key(step) for step in book.steps if step.words.temporary is not None)


def _measures(state: State, now: Instant) -> Iterator[Timer]:
    for name, measure in state.temporaries.items():
        left = measure.lasts - elapsed(measure.since, now)
        yield Timer(name=f"temporary:{name}", what=f"temporary measure: {measure.what}", left=left)


# How long a mail program tries, as Debian packages it (postconf(5) maximal_queue_lifetime, Exim's retry rule F,4d,6h,
# smtpd.conf(5) queue ttl, Sendmail's Timeout.queuereturn), less a day to do something about it.
_TRIES: Final = {"postfix": "4d", "exim4": "3d", "opensmtpd": "3d", "sendmail": "4d"}
_KEEPS_MAIL_IN: Final = frozenset({"queue.held", "smtp.egress-refused", "isolation.active"})


def _returns(book: Book, state: State, now: Instant) -> Iterator[Timer]:
    """What cannot leave goes back to its senders one day, also to those that were forged."""
    for step in book.steps:
        measure = state.temporaries.get(key(step))
        tries = _TRIES.get(state.at(step.host).values.get("mta", ""))
        if measure is not None and tries and _KEEPS_MAIL_IN & {one.probe for one in step.words.verify}:
            yield Timer(
                name=f"returns:{key(step)}",
                what=f"a day until mail that waits since {step.label} goes back to its senders: release it, or raise the lifetime",
                left=seconds(tries) - elapsed(measure.since, now),
            )


def _dead_man(book: Book, step: Step, state: State, now: Instant) -> Iterator[Timer]:
    """Counts from the step's start: the timer on the host is armed a little later, so this one is never the optimist."""
    words, known = step.words.dead_man, state.step(key(step))
    if words is None or known is None or known.undone or known.started is None:
        return
    confirmed = state.step(key(book.near(step, words.unless)))
    over = confirmed is not None and confirmed.progress is Progress.OK
    if known.progress in {Progress.OK, Progress.STARTED, Progress.UNKNOWN} and not over:
        left = seconds(words.after) - elapsed(known.started, now)
        yield Timer(
            name=f"dead-man:{key(step)}", what=f"{words.what}, unless {words.unless} is done", left=left
        )


def _of_step(step: Step, state: State, now: Instant) -> Iterator[Timer]:
    words, known = step.words, state.step(key(step))
    if words.kind is Kind.COMMS and applies(step, state) is not False:
        sent = state.messages.get(key(step))
        if words.within and sent is None and not is_done(step, state) and state.opened is not None:
            yield Timer(
                name=f"comms:{key(step)}",
                what=f"{words.template}: {step.label}",
                left=seconds(words.within) - elapsed(state.opened, now),
            )
        if words.every and sent is not None:
            yield Timer(
                name=f"comms:{key(step)}",
                what=f"{words.template} again: {step.label}",
                left=seconds(words.every) - elapsed(sent, now),
            )
    if known is None or known.progress is not Progress.STARTED or known.started is None:
        return
    gone = elapsed(known.started, now)
    if words.kind is Kind.WAIT:
        done = int(known.data.get("rechecks", 0))
        due = words.duration or (words.recheck[done] if done < len(words.recheck) else None)
        if due is not None:
            yield Timer(name=f"wait:{key(step)}", what=step.label, left=seconds(due) - gone)
    if words.default_after is not None:
        what = f"{step.label}: else {words.default_after.option}"
        yield Timer(name=f"decide:{key(step)}", what=what, left=seconds(words.default_after.time) - gone)
