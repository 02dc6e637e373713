"""Every public entry that can create something refuses what is not admissible.

By enumeration: each row of the table of addresses that changes facts is tried, once in a world
whose data may stand where it is ordered, and once in the same world after the answers became too
strict. A new address that creates something without asking the rules fails here.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from django.test import override_settings

from catalog.models import (
    MAKING_KINDS,
    Operation,
    OperationKind,
    OperationState,
    Order,
    OrderLine,
    Resource,
)
from catalog.placement_words import Score
from portal.identity import middleware
from portal.identity.oidc import discovery, session, transport
from tests.authorisation.rows import MATRIX
from tests.authorisation.visits import Visits, rolled_back
from tests.authorisation.vocabulary import HERE, VISITORS, Change, names_of
from tests.authorisation.world import make_world
from tests.factories import classify
from tests.portal.identity.oidc.fake_provider import FakeProvider

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).parents[3]
PLACING_KINDS = {*MAKING_KINDS, OperationKind.CHANGE}
ROWS = [row for row in MATRIX if row.changes == Change.FACTS and row.method != "GET"]
# Those that create something where the data may stand; each must refuse where it may not.
CREATING = {
    "api:operation-resumption",
    "api:order-approvals",
    "api:order-list",
    "api:resource-changes",
    "catalog:approval-approve",
    "catalog:cart-order",
    "catalog:operation-resume",
    "catalog:operation-retry",
    "catalog:order-form",
    "catalog:resource-change",
}
# Those that create something all the same, and why that is right.
ALLOWED: dict[str, str] = {}


@pytest.fixture(scope="module")
def visits(django_db_setup, django_db_blocker):
    """One world for all rows, in a transaction around those of the tests."""
    with (
        django_db_blocker.unblock(),
        rolled_back(),
        override_settings(SECURITY_CONTACT="mailto:veiligheid@example.nl"),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(transport, "fetch", FakeProvider().fetch)
        patch.setattr(discovery, "_directories", {})
        patch.setattr(middleware, "NOTICE_SECONDS", 3600)
        patch.setattr(session, "CLOCK_LEEWAY_SECONDS", 3600)
        world = make_world()
        for tenant in world.tenants:
            tenant.furnish(row.of for row in MATRIX if row.of)
        with override_settings(CATALOGUE_ORGANIZATION=world.here.directorate.code):
            yield Visits.prepare(world)


def created(visits, row):
    """What the row brings into being, or lets go on, when who may sends it."""
    visitor = next(v for v in VISITORS if v.place in HERE and names_of(v) & row.by)
    before = standing()
    visits.send(row, visitor)
    return standing() - before


def standing():
    """Everything that is asked for or made, and the work that makes it."""
    working = Operation.objects.filter(kind__in=PLACING_KINDS, state=OperationState.RUNNING)
    return {
        *(("order", pk) for pk in Order.objects.values_list("pk", flat=True)),
        *(("line", pk) for pk in OrderLine.objects.values_list("pk", flat=True)),
        *(("resource", pk) for pk in Resource.objects.values_list("pk", flat=True)),
        *(("work", pk) for pk in working.values_list("pk", flat=True)),
    }


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_nothing_comes_into_being_where_the_data_may_not_stand(visits, row):
    with rolled_back():
        creates = bool(created(visits, row))
    with rolled_back():
        classify(visits.world.here.project, integrity=Score.VERY_HIGH)
        creates_all_the_same = bool(created(visits, row))

    assert not creates_all_the_same or row.route in ALLOWED
    # who creates is known by name, or a row that lost its way would prove nothing
    assert creates == (row.route in CREATING | ALLOWED.keys())


# --- what creates stands in few places, each with a decision -----------------------------------

# who writes the rows, and where that function gets its decision
WRITERS = {
    ("OrderLine", "catalog/services/orders.py", "_write_line"),
    ("OrderLine", "catalog/services/changes.py", "_write_change"),
    ("Resource", "catalog/services/resources.py", "open_resource"),
    ("Resource", "catalog/services/adoption.py", "_take_in"),
}
DECIDED_BY = {"decide_placement", "note_found"}


def writers():
    for path in sorted(ROOT.glob("catalog/**/*.py")):
        if "migrations" in path.parts:
            continue
        for function in ast.walk(ast.parse(path.read_text())):
            if not isinstance(function, ast.FunctionDef):
                continue
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and (model := written_by(call)):
                    yield model, str(path.relative_to(ROOT)), function.name, call


def written_by(call):
    """OrderLine or Resource, where the call makes a row of it."""
    text = ast.unparse(call.func)
    for model in ("OrderLine", "Resource"):
        if text in {model, f"{model}.objects.create", f"{model}.objects.bulk_create"}:
            return model
    return None


def test_lines_and_resources_are_written_in_few_places():
    assert {found[:3] for found in writers()} == WRITERS


def test_each_place_that_writes_takes_a_decision_along():
    for model, path, function, call in writers():
        placement = next(item.value for item in call.keywords if item.arg == "placement")
        text = ast.unparse(placement)

        is_decided_here = any(text.startswith(f"{name}(") for name in DECIDED_BY)
        assert is_decided_here or text == "line.placement", f"{model} in {path}, {function}"
