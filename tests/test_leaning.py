"""Which tests run on the oldest PostgreSQL too: those whose own code speaks to the database."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest
from django.db import IntegrityError, connection

from tests.leaning import leans_on_database

pytestmark = pytest.mark.django_db
REFUSALS = (ValueError, IntegrityError)


def test_who_speaks_sql(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert leans_on_database(request.node)


def test_who_does_not_though_the_file_does(request):
    assert not leans_on_database(request.node)


@contextmanager
def beside():
    thread = threading.Thread()
    thread.start()
    yield
    thread.join()


@pytest.fixture
def race():
    with beside():
        yield


def test_who_has_it_from_a_fixture_of_the_file(race, request):
    assert leans_on_database(request.node)


@pytest.mark.parametrize("error", [IntegrityError])
def test_who_has_it_as_a_parameter(error, request):
    assert leans_on_database(request.node)


def test_who_has_it_from_a_collection_of_the_file(request):
    assert REFUSALS
    assert leans_on_database(request.node)
