import asyncio
import gc

import pytest

from auditor.transport.loop import NEW_OBJECTS, runner


async def threshold():
    await asyncio.sleep(0)
    return gc.get_threshold()[0]


def test_coroutines_run_with_a_patient_garbage_collector_and_leave_it_as_it_was():
    before = gc.get_threshold()
    with runner() as running:
        assert running.run(threshold()) == NEW_OBJECTS
    assert gc.get_threshold() == before


def test_a_coroutine_that_fails_leaves_it_as_it_was_too():
    before = gc.get_threshold()

    async def fail():
        raise LookupError

    with pytest.raises(LookupError), runner() as running:
        running.run(fail())
    assert gc.get_threshold() == before


def test_a_large_result_is_handed_over_without_being_written_out():
    class Result:
        def __repr__(self):
            raise AssertionError("somebody writes out the whole result")

    async def work():
        return Result()

    with runner() as running:
        assert isinstance(running.run(work()), Result)
