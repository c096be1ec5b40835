"""Queues as the four programs printed them on Debian."""

from datetime import UTC, datetime

import pytest

from auditor.checks import destinations_accepting, queue_healthy, spool_space_available
from auditor.evidence.mta import Mta, MtaDaemon, MtaRunning
from auditor.evidence.queue import MailQueue, Space, SpoolSpace, Waiting, parse_space
from auditor.inside.command import Output
from auditor.inside.queue import mail_queue, spool_space
from auditor.model import Failed, Moment, Passed
from auditor.net import CannotLook

NOW = Moment(datetime(2026, 11, 22, 0, 5, tzinfo=UTC))
POSTFIX = """\
total 1
{"queue_name": "deferred", "queue_id": "8B0FA566", "arrival_time": 1795305714, "message_size": 318, "forced_expire": false, "sender": "root@mx1.example", "recipients": [{"address": "b@foreign.example", "delay_reason": "host mx.foreign.example said: 451 <b@foreign.example> later"}]}
{"queue_name": "hold", "queue_id": "8B0FA567", "arrival_time": 1795305800, "recipients": [{"address": "c@foreign.example"}]}
{"queue_name": "cut off
"""
EXIM = """\
total 2

 25m   383 1xUv1f-0000LZ-2O <root@mx1.example>
          b@foreign.example

 3d   2.9K 1xUv1f-0000LZ-2P <> *** frozen ***
        D done@other.example
          x@bounce.example

"""
OPENSMTPD = """\
total 1
54727c3f429135aa|local|mta|auth|a@x.example|b@foreign.example|b@foreign.example|1795305705|1795305705|0|0|pending|-1|
"""
SENDMAIL = """\
total 1
==> qf6AM01ntx001241
T1795305709
MDeferred: Connection refused by mx.foreign.example.
RPFD:b@foreign.example
"""


def read(mta: Mta, text: str) -> MailQueue:
    empty = Output(command="x", exit_code=127)
    outputs = dict.fromkeys(Mta, empty) | {mta: Output(command="x", exit_code=0, stdout=text.encode())}
    running = MtaRunning(daemons=(MtaDaemon(mta=mta, pid=1, command="", ports=(25,)),))
    return mail_queue(*(outputs[kind] for kind in Mta), running, NOW)


@pytest.mark.parametrize(
    ("mta", "text", "oldest", "messages", "frozen"),
    [
        (Mta.POSTFIX, POSTFIX, 1795305714.0, 2, 1),
        (Mta.EXIM, EXIM, NOW.taken_at.timestamp() - 3 * 86400, 2, 1),
        (Mta.OPENSMTPD, OPENSMTPD, 1795305705.0, 1, 0),
        (Mta.SENDMAIL, SENDMAIL, 1795305709.0, 1, 0),
    ],
)
def test_every_program_s_queue_is_counted_and_dated(mta, text, oldest, messages, frozen):
    queue = read(mta, text)
    assert (queue.oldest, queue.messages, queue.frozen) == (oldest, messages, frozen)
    assert queue.waiting[0].domain in {"foreign.example", "bounce.example"}


def test_no_address_leaves_the_host():
    for mta, text in (
        (Mta.POSTFIX, POSTFIX),
        (Mta.EXIM, EXIM),
        (Mta.OPENSMTPD, OPENSMTPD),
        (Mta.SENDMAIL, SENDMAIL),
    ):
        assert "b@foreign" not in repr(read(mta, text))


def test_the_program_s_own_count_stands_where_the_list_was_cut():
    assert read(Mta.POSTFIX, POSTFIX.replace("total 1", "total 90000")).messages == 90000


def test_a_recipient_that_has_his_copy_does_not_wait():
    assert "other.example" not in [one.domain for one in read(Mta.EXIM, EXIM).waiting]


@pytest.mark.parametrize("mta", list(Mta))
def test_an_answer_without_a_count_is_not_an_empty_queue(mta):
    with pytest.raises(CannotLook):
        read(mta, "")


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"messages": 0}, Passed),
        ({"messages": 500}, Passed),
        ({"messages": 501}, Failed),
        ({"messages": 51, "frozen": 51}, Failed),
        ({"messages": 1, "oldest": NOW.taken_at.timestamp() - 5 * 86400}, Passed),
        ({"messages": 1, "oldest": NOW.taken_at.timestamp() - 7 * 86400}, Failed),
    ],
)
def test_a_long_a_frozen_or_an_old_queue_fails(changes, kind):
    assert isinstance(queue_healthy.judge(MailQueue(mta=Mta.POSTFIX, **changes), NOW), kind)


@pytest.mark.parametrize(
    ("messages", "sampled", "kind"), [(10, 20, Failed), (9, 9, Passed), (10, 100, Passed)]
)
def test_mail_that_piles_up_for_one_domain_fails(messages, sampled, kind):
    waiting = (Waiting(domain="big.example", messages=messages, reason="421 try later"),)
    queue = MailQueue(mta=Mta.POSTFIX, messages=sampled, sampled=sampled, waiting=waiting)
    assert isinstance(destinations_accepting.judge(queue), kind)


GIB = 1 << 30


@pytest.mark.parametrize(
    ("size", "free", "inodes_free", "kind"),
    [
        (100 * GIB, 50 * GIB, 900, Passed),
        (100 * GIB, 5 * GIB, 900, Passed),
        (100 * GIB, 2 * GIB, 900, Failed),
        (2 * GIB, GIB // 10, 900, Failed),
        (100 * GIB, 50 * GIB, 50, Failed),
    ],
)
def test_bytes_and_inodes_must_be_left(size, free, inodes_free, kind):
    place = Space(path="/var/spool", size=size, free=free, inodes=1000, inodes_free=inodes_free)
    assert isinstance(spool_space_available.judge(SpoolSpace(places=(place,))), kind)


def test_a_file_system_without_inodes_is_judged_by_its_bytes():
    place = Space(path="/var/spool", size=100 * GIB, free=50 * GIB, inodes=0, inodes_free=0)
    assert isinstance(spool_space_available.judge(SpoolSpace(places=(place,))), Passed)


def test_space_is_read_from_stat_and_nothing_is_not_plenty():
    assert parse_space("/var/spool|4096|1000|500|100|50\njunk|x\n/x|1|2\n") == (
        Space(path="/var/spool", size=4096000, free=2048000, inodes=100, inodes_free=50),
    )
    with pytest.raises(CannotLook):
        spool_space(Output(command="x", exit_code=0, stdout=b""))
