"""Instances out of statements by hand are those that Django itself makes."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.db.models import Model
from django.utils.timezone import now

from billing.models import Price, Sku
from catalog.models import OfferingVersion
from portal.cloud.models import Cloud, Flavor, Image
from portal.core.rows import RowOf, ask
from portal.identity.models import Node, Project
from tests.factories.billing import set_price

pytestmark = pytest.mark.django_db

TABLES = {
    Price: "billing_price",
    Sku: "billing_sku",
    OfferingVersion: "catalog_offeringversion",
    Cloud: "cloud_cloud",
    Node: "identity_node",
    Project: "identity_node JOIN identity_project ON node_ptr_id = identity_node.id",
}


def facts_of(instance: Model) -> dict[str, object]:
    return {
        item.attname: getattr(instance, item.attname) for item in instance._meta.concrete_fields
    }


@pytest.fixture
def everything(version, project):
    set_price("1.5", sku="server.gp.small", organization=project.parent.organization)


@pytest.mark.parametrize("model", TABLES)
def test_every_column_is_read_as_django_reads_it(everything, model):
    columns = RowOf(model)
    rows = ask(f"SELECT {columns.columns}, 'more' FROM {TABLES[model]}", {})

    made = [row.take(columns) for row in rows]

    assert made
    assert {one.pk: facts_of(one) for one in made} == {
        one.pk: facts_of(one) for one in model.objects.all()
    }
    assert all(row.rest() == ("more",) for row in rows)
    assert not any(one._state.adding for one in made)


@pytest.mark.parametrize("model", [Flavor, Image])
def test_a_row_in_json_is_read_the_same(version, model):
    model.objects.update(gone_at=now() - timedelta(days=1))
    with connection.cursor() as cursor:
        table = model._meta.db_table
        cursor.execute(f"SELECT to_jsonb({table})::text::json FROM {table}")
        rows = [row for (row,) in cursor.fetchall()]

    made = [RowOf(model).read_json(row) for row in rows]

    assert made
    assert {one.pk: facts_of(one) for one in made} == {
        one.pk: facts_of(one) for one in model.objects.all()
    }


def test_a_statement_counts_as_a_query(django_assert_num_queries):
    with django_assert_num_queries(1):
        assert [row.rest() for row in ask("SELECT %(one)s::numeric", {"one": Decimal("1.50")})] == [
            (Decimal("1.50"),)
        ]


def test_a_statement_is_prepared_once_it_is_asked_often(db):
    for number in range(8):
        ask("SELECT 'asked often', %(number)s::int", {"number": number})

    (row,) = ask(
        "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE %(like)s",
        {"like": "%asked often%"},
    )
    assert row.rest() == (1,)


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_the_database_closed_is_opened_again():
    """As the first thing of a request, long after the one before."""
    ask("SELECT 1", {})
    kept = connection.connection
    kept.close()
    connection.health_check_enabled, connection.health_check_done = True, False
    try:
        (row,) = ask("SELECT 2", {})
    finally:
        connection.health_check_enabled, connection.health_check_done = False, True

    assert row.rest() == (2,)
    assert connection.connection is not kept
