"""What is charged is what flowed, whatever is asked twice, told late or lost on the way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.models import MeasuredUse, UsageSpan
from billing.services import measuring
from tests.billing.measured.conftest import GIB, NOON, TRAFFIC

pytestmark = pytest.mark.django_db
A_KILOBYTE = Decimal("0.000001")  # the last place of a quantity

BYTES = st.integers(0, 50 * GIB)


@dataclass(frozen=True)
class Told:
    """After ``flowed`` bytes the cloud tells its count, so often, or not at all (0).

    ``late`` tells it once more after the next one.
    """

    flowed: int
    times: int
    late: bool
    is_set_back: bool = False


HISTORIES = st.lists(st.builds(Told, BYTES, st.integers(0, 3), st.booleans()), max_size=12)
SET_BACK = st.lists(
    st.builds(Told, BYTES, st.integers(0, 2), st.booleans(), st.booleans()), max_size=12
)
TRIES = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def play(start, monkeypatch):
    """Tell a history, and return what was charged, in GiB; nothing of it stays."""
    # Each example is undone as one transaction, so that the services are not durable here.
    monkeypatch.setattr(measuring, "take_sample", measuring.take_sample.__wrapped__)
    use = start(TRAFFIC)

    def run(history: list[Told]) -> Decimal:
        with transaction.atomic():
            charged = _tell_all(use, history)
            transaction.set_rollback(True)
        return charged

    return run


def _tell_all(use: MeasuredUse, history: list[Told]) -> Decimal:
    counted, late = 0, []
    for number, told in enumerate([Told(0, 1, late=False), *history, Told(0, 1, late=False)]):
        counted = told.flowed if told.is_set_back else counted + told.flowed
        moment = NOON + timedelta(hours=1 + number)
        answers = [(moment, counted)] * told.times + late
        late = [(moment, counted)] if told.late else []
        for at, value in answers:
            MeasuredUse.objects.filter(pk=use.pk).update(tried_at=at)
            measuring.take_sample(use.pk, measured_at=at, value=value)
    return sum(UsageSpan.objects.values_list("quantity", flat=True), Decimal(0))


@TRIES
@given(HISTORIES)
def test_all_that_flowed_is_charged_once(play, history):
    flowed = Decimal(sum(told.flowed for told in history)) / GIB

    assert 0 <= flowed - play(history) < A_KILOBYTE


@TRIES
@given(SET_BACK)
def test_never_more_than_flowed_whatever_is_set_back(play, history):
    flowed = Decimal(sum(told.flowed for told in history)) / GIB

    assert play(history) <= flowed + A_KILOBYTE * len(history)
