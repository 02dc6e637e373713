"""Whatever is written is noticed, and nothing else."""

from __future__ import annotations

import pytest
from django.db import connection

from portal.identity.models import Person
from tests.authorisation.contents import Watch
from tests.authorisation.visits import rolled_back
from tests.factories import PersonFactory

pytestmark = pytest.mark.django_db
PEOPLE = "identity_person"


@pytest.fixture
def person():
    return PersonFactory()


@pytest.fixture
def watch(person):
    return Watch()


def test_looking_changes_nothing(watch, person):
    assert Person.objects.get(pk=person.pk).name == person.name
    assert watch.changed_tables() == set()


@pytest.mark.parametrize(
    "act",
    [
        lambda person: PersonFactory(),
        lambda person: person.delete(),
        lambda person: Person.objects.filter(pk=person.pk).update(name="Anders"),
        lambda person: Person.objects.filter(pk=person.pk).update(name=person.name),
    ],
    ids=["new", "gone", "other", "the same again"],
)
def test_what_was_written_is_noticed_until_it_is_undone(watch, person, act):
    with rolled_back():
        act(person)
        assert PEOPLE in watch.changed_tables()
        assert PEOPLE in watch.changed_tables()

    assert watch.changed_tables() == set()
    assert watch.changed_tables() == set()


def test_a_table_that_was_emptied_at_once_is_noticed(watch):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # else the table has something pending
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("TRUNCATE identity_person CASCADE")

    assert PEOPLE in watch.changed_tables()
