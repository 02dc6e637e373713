"""What goes wrong with one of many."""

from __future__ import annotations

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from portal.core.faults import each_by_itself


def test_others_have_their_turn_and_the_fault_is_told_afterwards():
    done = []

    def act(item):
        if item == 2:
            raise LookupError("no such thing")
        done.append(item)
        return 1

    with pytest.raises(ExceptionGroup) as told:
        each_by_itself(act, [1, 2, 3])

    assert done == [1, 3]
    assert [str(fault) for fault in told.value.exceptions] == ["no such thing"]


def test_nobody_begins_with_another_when_time_is_up():
    begun = []

    def act(item):
        begun.append(item)
        raise SoftTimeLimitExceeded

    with pytest.raises(SoftTimeLimitExceeded):
        each_by_itself(act, [1, 2])

    assert begun == [1]
