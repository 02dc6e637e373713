"""Answers that become stricter while something is placed: real PostgreSQL, real threads."""

from __future__ import annotations

import threading

import pytest

from catalog.models import Order, WorkloadProfile
from catalog.placement_words import Score
from catalog.services import orders, quotas
from catalog.services.placement import answer_questions, judging
from tests.factories import administrator_of, answers, place
from tests.races import PATIENCE, at_once, meeting

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def race(requester, project, version, monkeypatch, sent_tasks):
    """Places while somebody answers more strictly; returns whether it was by answers of before.

    Who places reads the answers, and goes on once the others are there or are kept outside.
    """
    administrator = administrator_of(project.parent)
    meet, read, was_stale = meeting(lambda: None), judging.read_facts, []
    has_read = threading.Event()

    def read_then_meet(*arguments, **named):
        found = read(*arguments, **named)
        has_read.set()
        meet()
        (judged,) = found.values()
        ended = WorkloadProfile.objects.filter(pk=judged.workload_id, ended_at__isnull=False)
        was_stale.append(ended.exists())
        return found

    def answer():
        has_read.wait(PATIENCE)
        strict = answers(integrity=Score.VERY_HIGH)
        answer_questions(project.public_id, strict, actor=administrator)
        meet()

    monkeypatch.setattr(judging, "read_facts", read_then_meet)

    def run():
        outcomes = at_once(lambda: place(requester, project, version), answer)
        return outcomes, was_stale

    return run


def test_the_race_is_real_when_the_lock_is_removed(race, monkeypatch):
    # Proves that the next test can fail: if this one breaks, that one means nothing.
    for holder in (orders, quotas):  # who claims quota holds the tree as well
        monkeypatch.setattr(holder, "lock_tree_shared", lambda: None)

    outcomes, was_stale = race()

    assert (outcomes, was_stale) == (["done", "done"], [True])


def test_nothing_is_placed_by_answers_that_hold_no_more(race):
    (placed, answered), was_stale = race()

    assert answered == "done"
    assert was_stale == [False]
    assert placed in {"done", "PlacementRefused"}
    assert Order.objects.exists() == (placed == "done")
