"""A look at the whole database sees every change, and nothing but changes."""

from __future__ import annotations

import pytest

from portal.identity.models import Person, Project
from tests.factories import PersonFactory
from tests.fingerprints import fingerprints

pytestmark = pytest.mark.django_db
PEOPLE = Person._meta.db_table
NOTHING: frozenset[str] = frozenset()


def changed(before):
    after = fingerprints(without=NOTHING)
    return {table for table in after if after[table] != before[table]}


def test_a_new_row_shows():
    before = fingerprints(without=NOTHING)

    PersonFactory()

    assert changed(before) == {PEOPLE}


def test_another_value_shows_and_the_old_one_back_does_not():
    person = PersonFactory(name="Anna")
    before = fingerprints(without=NOTHING)

    Person.objects.filter(pk=person.pk).update(name="Bea")
    assert changed(before) == {PEOPLE}

    Person.objects.filter(pk=person.pk).update(name="Anna")
    assert changed(before) == set()


def test_values_that_change_places_show():
    """Of two rows, so that all values together are as they were."""
    anna, bea = PersonFactory(name="Anna"), PersonFactory(name="Bea")
    before = fingerprints(without=NOTHING)

    Person.objects.filter(pk=anna.pk).update(name="Bea")
    Person.objects.filter(pk=bea.pk).update(name="Anna")

    assert changed(before) == {PEOPLE}


def test_what_is_left_out_is_not_looked_at():
    everything = fingerprints(without=NOTHING)

    assert everything.keys() - fingerprints(without=frozenset({PEOPLE})).keys() == {PEOPLE}
    assert Project._meta.db_table in everything
