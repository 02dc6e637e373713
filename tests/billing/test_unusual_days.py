"""A day that costs three times what it usually does stands out."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.anomalies import is_unusual, usual_day
from billing.models import UsageSpan
from billing.services.summaries import take_summary
from billing.services.unusual_days import find_unusual_days
from portal.core.calendar import month, start_of_day
from portal.identity.models import NodeParent, Project, Role
from portal.web.home_tasks import find_tasks
from tests.factories import PersonFactory, grant, make_organization, make_project
from tests.factories.billing import MeteredResourceFactory, UsageSpanFactory, set_price

AT = start_of_day(date(2026, 11, 16)) + timedelta(hours=9)
YESTERDAY = start_of_day(date(2026, 11, 15))
LONG_AGO = start_of_day(date(2026, 9, 1))


def days(*amounts: str) -> list[Decimal]:
    return [Decimal(amount) for amount in amounts]


@pytest.mark.parametrize(
    ("cost", "before", "is_it"),
    [
        ("30", days(*["10"] * 28), True),
        ("29.999999", days(*["10"] * 28), False),
        ("30", days(*["10"] * 20, *["1000"] * 8), True),  # a few dear days change nothing
        ("3", days(*["0"] * 28), True),
        ("2.99", days(*["0"] * 28), False),
        ("2.99", days(*["0.5"] * 28), False),
        ("40", days(*["10"] * 14, *["20"] * 14), False),
        ("45", days(*["10"] * 14, *["20"] * 14), True),  # the middle is between two days
        ("3", [], True),
    ],
)
def test_three_times_the_usual_day(cost: str, before: list[Decimal], is_it: bool) -> None:
    assert is_unusual(Decimal(cost), before) is is_it


def test_a_usual_day_is_a_euro_at_least() -> None:
    assert usual_day(days("0.10", "0.20", "5")) == 1
    assert usual_day(days("2", "9", "4")) == 4


@pytest.fixture
def project(db: None) -> Project:
    """A server that costs about 2 euros a day."""
    project = make_project(make_organization(make_organization(), "Dienst"), "Zaaksysteem")
    set_price("60.00")
    use(project)
    return project


def use(project: Project, quantity: int = 1, since: Any = LONG_AGO) -> UsageSpan:
    NodeParent.objects.update(valid_from=start_of_day(date(2025, 1, 1)))
    server = MeteredResourceFactory(project=project)
    span: UsageSpan = UsageSpanFactory(resource=server, quantity=quantity, started_at=since)
    return span


def reckon() -> None:
    for number in (10, 11):
        take_summary(month(2026, number), at=AT)


def test_what_grew_yesterday_stands_out(project: Project) -> None:
    use(project, quantity=2, since=YESTERDAY)
    use(make_project(project.parent, "Rustig"))
    reckon()

    (found,) = find_unusual_days([project.parent_id], at=AT)

    assert (found.project.pk, found.cost, found.usual) == (
        project.pk,
        Decimal("6.00"),
        Decimal("2.00"),
    )


def test_what_always_costs_much_does_not(project: Project) -> None:
    use(project, quantity=50)
    reckon()

    assert find_unusual_days([project.parent_id], at=AT) == []


def test_only_below_these_nodes(project: Project) -> None:
    use(project, quantity=2, since=YESTERDAY)
    reckon()

    assert find_unusual_days([make_organization().pk], at=AT) == []
    assert len(find_unusual_days([project.pk], at=AT)) == 1


def test_of_each_month_the_newest_counts(project: Project) -> None:
    reckon()
    use(project, quantity=2, since=YESTERDAY)
    reckon()
    reckon()

    (found,) = find_unusual_days([project.pk], at=AT)

    assert found.cost == Decimal("6.00")


def test_many_projects_take_as_many_queries(
    project: Project, django_assert_num_queries: Any
) -> None:
    use(project, quantity=2, since=YESTERDAY)
    for number in range(5):
        use(make_project(project.parent, f"Duur {number}"), quantity=9, since=YESTERDAY)
    reckon()

    with django_assert_num_queries(2):
        found = find_unusual_days([project.parent_id], at=AT)

    assert [one.cost for one in found] == [Decimal("18.00")] * 5 + [Decimal("6.00")]


@pytest.mark.parametrize(("role", "sees"), [(Role.FINANCE, True), (Role.REQUESTER, False)])
def test_the_first_page_tells_it(project: Project, role: Role, sees: bool) -> None:
    person = PersonFactory()
    grant(person, role, project)
    use(project, quantity=2, since=YESTERDAY)
    reckon()

    titles = [task.title for task in find_tasks(person, at=AT)]

    assert ("Zaaksysteem kost meer dan gewoonlijk" in titles) is sees
