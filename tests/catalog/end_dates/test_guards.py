"""What the database says of endings and of protection, whatever a service forgets."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils.timezone import now

from catalog.models import Ending, OfferingVersionState, Operation, Resource
from catalog.services.protection import protect_resource
from tests.catalog.end_dates.conftest import LAST_DAY, after, ending_of
from tests.constraints import execute, refused_by
from tests.factories import OfferingVersionFactory

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def protected(server, requester):
    return protect_resource(server.public_id, actor=requester)


@pytest.fixture
def ending(strike, server):
    strike(after(1))
    return ending_of(server)


def test_what_is_protected_does_not_begin_to_go(protected):
    with refused_by("resource_protected_is_not_cleaned_up"):
        Resource.objects.filter(pk=protected.pk).update(state="retiring")


def test_nor_in_the_statement_that_ends_its_protection(protected):
    with refused_by("resource_protected_is_not_cleaned_up"):
        Resource.objects.filter(pk=protected.pk).update(state="retiring", is_protected=False)


def test_what_goes_is_not_protected_any_more(server):
    Resource.objects.filter(pk=server.pk).update(state="retiring")

    with refused_by("resource_protected_is_not_cleaned_up"):
        Resource.objects.filter(pk=server.pk).update(is_protected=True)


def test_one_ending_at_a_time(ending):
    with refused_by("ending_one_open_per_resource"):
        Ending.objects.create(
            resource=ending.resource,
            end_date=LAST_DAY,
            began_at=now(),
            clean_up_on=LAST_DAY + DAY,
        )


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"end_date": LAST_DAY - DAY}, "ending_never_changes"),
        ({"clean_up_on": LAST_DAY + DAY}, "ending_cleans_up_no_sooner"),
        ({"state": "withdrawn"}, "ending_settled_has_a_time"),
        ({"state": "gone", "settled_at": now()}, "ending_state_known"),
        ({"handled_at": None}, "ending_stopped_was_handled"),
    ],
)
def test_what_was_told_stays_true(ending, change, constraint):
    with refused_by(constraint):
        Ending.objects.update(**change)


def test_what_is_settled_stays_settled(ending):
    Ending.objects.update(state="withdrawn", settled_at=now())

    with refused_by("ending_that_is_settled_stays_settled"):
        Ending.objects.update(state="open", settled_at=None)


def test_an_ending_is_never_deleted(ending):
    with refused_by("ending_is_never_deleted"):
        execute("DELETE FROM catalog_ending")


def test_an_offering_leaves_at_least_a_day(db):
    with refused_by("offering_version_leaves_a_day_of_grace"):
        OfferingVersionFactory(state=OfferingVersionState.DRAFT, grace_days=0)


def test_the_clock_takes_back_only_what_it_asked(ending, server):
    delivery = server.operations.get(kind="provision")
    Operation.objects.filter(pk=ending.stop_id).update(cancel_requested_at=now())

    with refused_by("operation_cancellation_names_who_and_when"):
        Operation.objects.filter(pk=delivery.pk).update(cancel_requested_at=now())
