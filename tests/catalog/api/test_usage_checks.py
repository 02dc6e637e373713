"""What was metered beside what the cloud counts, through the API."""

import pytest

from catalog.models import UsageMeasure
from portal.identity.models import Role
from tests.catalog.api.conftest import assert_problem
from tests.catalog.views.test_usage_checks import cause, checked
from tests.factories import make_project

pytestmark = pytest.mark.django_db


def test_list(as_role, project):
    checked(project, metered=30, told="32.5", causes=[cause()])

    (shown,) = as_role(Role.FINANCE).get("/usage-checks").json()["results"]

    assert shown["project"]["id"] == str(project.public_id)
    assert (shown["month"], shown["measure"]) == ("2026-05", "server_hours")
    assert (shown["metered"], shown["told"]) == ("30.000000", "32.500000")
    assert shown["difference"] == "-2.500000"
    assert shown["causes"] == [cause()]


@pytest.mark.parametrize(
    ("query", "count"),
    [({}, 2), ({"month": "2026-05"}, 2), ({"month": "2026-06"}, 0), ({"measure": "volume_gib"}, 1)],
)
def test_filters(as_role, project, query, count):
    checked(project)
    checked(project, measure=UsageMeasure.VOLUME_GIB)
    checked(make_project())

    assert len(as_role(Role.AUDITOR).get("/usage-checks", query).json()["results"]) == count


@pytest.mark.parametrize("month", ["2026-13", "mei", "2026-05-01"])
def test_no_month(as_role, month):
    assert_problem(
        as_role(Role.AUDITOR).get("/usage-checks", {"month": month}), 400, "invalid_input", "month"
    )


def test_who_neither_pays_repairs_nor_checks(as_requester):
    assert_problem(as_requester.get("/usage-checks"), 403, "not_allowed")
