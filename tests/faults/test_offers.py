"""What is ordered under faults covers all that can be ordered."""

from catalog.kinds.base import orderable_kinds
from tests.faults.offers import ALL_KINDS, MADE_FROM, WEB, name_for


def test_something_of_every_kind_is_ordered():
    assert {*ALL_KINDS, *MADE_FROM} == {kind.key for kind in orderable_kinds()}


def test_every_other_whole_is_one_that_fails():
    wholes = [number for number in range(22) if ALL_KINDS[number % len(ALL_KINDS)] == WEB]

    assert ["fail" in name_for(WEB, number) for number in wholes] == [False, True, False, True]
