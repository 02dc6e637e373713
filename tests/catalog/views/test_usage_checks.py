"""The page and the list of what was metered beside what the cloud counts."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.translation import override

from catalog.models import UsageCause, UsageCheck, UsageMeasure
from catalog.views.usage_checks import WHY
from portal.cloud.models import CloudProject
from portal.identity.models import Role
from tests.billing.downloads import download
from tests.factories import CloudFactory, PersonFactory, delivered, grant, make_project, place
from tests.logins import log_in

pytestmark = pytest.mark.django_db
URL = reverse("catalog:usage-checks")
ENGLISH = {"accept-language": "en"}


def checked(project: Any, *, causes: list[dict[str, str]] | None = None, **facts: Any) -> Any:
    """A comparison of May 2026."""
    cloud_project, _is_new = CloudProject.objects.get_or_create(
        project=project, cloud=CloudFactory()
    )
    given = {
        "month": date(2026, 5, 1),
        "measure": UsageMeasure.SERVER_HOURS,
        "metered": 30,
        "told": 30,
        "causes": causes or [],
        "causes_in_all": len(causes or []),
        "looked_at": datetime(2026, 5, 20, tzinfo=UTC),
    }
    return UsageCheck.objects.create(cloud_project=cloud_project, **{**given, **facts})


def cause(**facts: str) -> dict[str, str]:
    given = {
        "cause": "unknown",
        "name": "<b>web</b>",
        "openstack_id": "srv-1",
        "resource": "",
        "difference": "-2.500000",
    }
    return {**given, **facts}


@pytest.fixture
def finance(client, project):
    person = PersonFactory()
    grant(person, Role.FINANCE, project)
    log_in(client, person)
    return person


def text_of(response: Any) -> str:
    assert response.status_code == 200
    return response.content.decode()


def test_every_cause_has_an_explanation():
    assert WHY.keys() == set(UsageCause.values)


def test_nothing_compared_yet(client, finance):
    assert "Nog niet vergeleken" in text_of(client.get(URL))


def test_differences_are_shown_with_what_they_may_come_from(client, finance, project):
    checked(project, metered=30, told="32.5", causes=[cause()], causes_in_all=3)
    checked(project, measure=UsageMeasure.VOLUME_GIB)

    page = text_of(client.get(URL))

    assert "-2,5\N{NO-BREAK SPACE}uur" in page
    assert "&lt;b&gt;web&lt;/b&gt;: In de cloud, en niet gemeten" in page
    with override("nl"):
        assert str(WHY["unknown"]) in page
    assert "En 2 kleinere verschillen." in page
    assert page.index("Mei 2026") < page.index("Uren van servers") < page.index("GiB aan volumes")


def test_resource_is_linked_for_who_sees_it(
    client, requester, approver, project, version, sent_tasks
):
    resource = delivered(place(requester, project, version), approver=approver)
    checked(project, causes=[cause(resource=str(resource.public_id), name="web")])
    for role, is_linked in ((Role.FINANCE, True), (Role.OPERATOR, True)):
        person = PersonFactory()
        grant(person, role, project)
        log_in(client, person)

        page = text_of(client.get(URL))

        assert (reverse("catalog:resource", args=[resource.public_id]) in page) is is_linked


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({}, ["mei"]),
        ({"month": "2026-04"}, ["april"]),
        ({"month": "2026-03"}, ["mei"]),
        ({"month": "' OR 1=1"}, ["mei"]),
        ({"month": "2026-04", "show": "different"}, []),
        ({"page": "99999999999999999999"}, ["mei"]),
    ],
)
def test_month_and_filter(client, finance, project, query, shown):
    checked(project)
    checked(project, month=date(2026, 4, 1), metered=1, told=1)

    rows = client.get(URL, query).context["rows"]

    names = {5: "mei", 4: "april"}
    assert [names[row.check.month.month] for row in rows] == shown


def test_what_is_shown_can_be_downloaded_whole(client, finance, project, monkeypatch):
    monkeypatch.setattr("catalog.views.usage_checks.PAGE_SIZE", 1)
    checked(project, metered=Decimal("27.5"), causes=[cause(name="=1+1"), cause(name="")])
    checked(project, measure=UsageMeasure.VOLUME_GIB)
    page = client.get(URL, {"month": "2026-05", "page": "2"}, headers=ENGLISH)

    _head, *rows = download(client, page)

    assert [row[0] for row in rows] == ["2026-05", "2026-05"]
    assert [row[5:9] for row in rows] == [["27.5", "30", "-2.5", "2"], ["30", "30", "0", "0"]]
    assert rows[0][9].startswith("'=1+1: ")
    assert "; srv-1: " in rows[0][9]


def test_only_what_differs_is_downloaded_where_only_that_is_shown(client, finance, project):
    checked(project, metered=Decimal("27.5"), causes=[cause()])
    checked(project, measure=UsageMeasure.VOLUME_GIB)

    assert len(download(client, client.get(URL, {"show": "different"}, headers=ENGLISH))) == 2


def test_other_projects_are_not_shown(client, finance):
    checked(make_project())

    assert client.get(URL).context["rows"] == []


def test_questions_do_not_grow_with_rows(client, finance, project):
    def ask() -> int:
        with CaptureQueriesContext(connection) as asked:
            client.get(URL)
        return len(asked)

    checked(project, causes=[cause()])
    few = ask()
    for measure in (UsageMeasure.VOLUME_GIB, UsageMeasure.BACKUP_GIB):
        checked(project, measure=measure, causes=[cause() for _ in range(20)])

    assert ask() == few
