"""The page of one quota, and that of what is nearly full."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import override

from catalog.models import Metric, Quota, QuotaAlert, QuotaReading, Resource
from catalog.services.approvals import approve_order
from catalog.services.limits import set_limit
from catalog.services.orders import withdraw_order
from catalog.services.quota_history import DayUse
from catalog.views.largest_users import find_largest_users
from catalog.views.quota_chart import make_use_chart
from portal.core.calendar import day_of
from portal.identity.models import Node, Role
from tests.factories import (
    UNKNOWN_ID,
    PersonFactory,
    generous_limits,
    grant,
    make_organization,
    make_project,
    place,
)
from tests.logins import log_in

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def administrator(project):
    person = PersonFactory(name="Anja Beheer")
    grant(person, Role.QUOTA_ADMINISTRATOR, project.parent)
    return person


@pytest.fixture
def order(requester, project, version):
    return place(requester, project, version, name="zaak-app")


def address(node, metric="vcpus"):
    return reverse("catalog:quota-detail", args=[node.public_id, metric])


def get(client, person, where, *, language="nl", **query):
    client.cookies["cloudloket-language"] = language
    response = log_in(client, person).get(where, query)
    assert response.status_code == 200
    return response


def words(response):
    return " ".join(response.content.decode().replace("\xa0", " ").split())


def quota_of(node, metric="vcpus"):
    return Quota.objects.get(node=node, metric=metric)


class TestDetail:
    @pytest.mark.parametrize("language", ["nl", "en"])
    def test_in_use_and_reserved_are_told_apart(
        self, client, administrator, order, project, approver, sent_tasks, language
    ):
        figures = get(client, administrator, address(project), language=language).context["figures"]
        assert (figures.used, figures.reserved) == ("0", "2")

        approve_order(order.public_id, approver=approver, reason="")
        figures = get(client, administrator, address(project), language=language).context["figures"]
        assert (figures.used, figures.reserved) == ("2", "0")

    def test_what_is_over_is_said(self, client, administrator, project):
        Quota.objects.filter(pk=quota_of(project).pk).update(
            claimed=12, limit_now=10, over_since=now()
        )
        page = words(get(client, administrator, address(project)))

        assert "boven de limiet" in page
        assert "Nieuwe bestellingen zijn geblokkeerd" in page

    @pytest.mark.parametrize(
        ("limits", "own", "expected"),
        [
            ((30, 20), 100, ("50", "50", False)),
            ((30, 80), 100, ("110", "0", True)),
            ((30, None), 100, ("Onbeperkt", "0", True)),
            ((30, None), None, ("Onbeperkt", "Onbeperkt", False)),
        ],
    )
    def test_what_is_handed_out(self, client, administrator, project, limits, own, expected):
        node = project.parent
        other, ended = make_project(node), make_project(node)
        for child, limit in zip((project, other, ended), (*limits, 999), strict=True):
            Quota.objects.update_or_create(
                node=child, metric="vcpus", defaults={"limit_now": limit}
            )
        Node.objects.filter(pk=ended.pk).update(ended_at=now())
        Quota.objects.filter(node=node, metric="vcpus").update(limit_now=own)
        figures = get(client, administrator, address(node)).context["figures"]

        assert (figures.handed_out, figures.left, figures.is_too_much) == expected

    def test_who_changed_the_limit_and_when_it_ends(self, client, administrator, project):
        end = now() + 9 * DAY
        set_limit(
            project,
            Metric.VCPUS,
            Decimal(50),
            valid_from=now(),
            valid_until=end,
            reason="Piek in november",
            actor=administrator,
        )
        set_limit(project, Metric.VCPUS, Decimal(7), valid_from=end + 9 * DAY, actor=None)
        response = get(client, administrator, address(project), language="en")
        page = words(response)

        assert "From 10,000 to 50" in page
        assert "Anja Beheer" in page
        assert "Piek in november" in page
        assert "Ends by itself on" in page
        planned = [period.amount for period in response.context["periods"]]
        assert planned == ["50", "10,000", "7"]

    def test_a_limit_that_goes_on_for_good_is_not_planned(self, client, administrator, project):
        assert get(client, administrator, address(project)).context["periods"] == []

    def test_the_trend_stands_in_a_sentence(self, client, administrator, project):
        quota = quota_of(project)
        today = day_of(now())
        for number in range(20):
            QuotaReading.objects.create(
                quota=quota, day=today - (20 - number) * DAY, claimed=number, limit=100
            )
        Quota.objects.filter(pk=quota.pk).update(claimed=20, limit_now=100)
        response = get(client, administrator, address(project), language="en")

        assert "At this rate it is full around" in words(response)
        assert len(response.context["days"]) == 21

    @pytest.mark.parametrize("page", ["0", "x", "99", "%00"])
    def test_nonsense_of_a_page(self, client, administrator, project, page):
        get(client, administrator, address(project), page=page)

    def test_without_any_quota_it_says_so(self, client, administrator, project):
        new = make_project(project.parent)

        assert "Hier is nooit een limiet ingesteld" in words(
            get(client, administrator, address(new))
        )

    def test_what_is_not_there(self, client, administrator, project):
        log_in(client, administrator)
        assert client.get(address(project, "nonsense")).status_code == 404
        assert client.get(address(project, "Servers")).status_code == 404
        assert client.get(f"/quotas/{UNKNOWN_ID}/vcpus").status_code == 404
        Node.objects.filter(pk=project.pk).update(ended_at=now())
        assert client.get(address(project)).status_code == 404

    def test_another_tenant_is_not_there(self, client, administrator):
        other = make_project()
        generous_limits(other)
        log_in(client, administrator)

        assert client.get(address(other)).status_code == 404

    def test_only_who_may_sets_the_limit(self, client, administrator, project, requester):
        assert get(client, administrator, address(project)).context["limit_url"]
        of_a_part = PersonFactory()
        grant(of_a_part, Role.QUOTA_ADMINISTRATOR, project)
        assert not get(client, of_a_part, address(project)).context["limit_url"]
        assert not get(client, requester, address(project)).context["limit_url"]

    def test_queries_do_not_depend_on_how_much_there_is(
        self, client, administrator, requester, project, version, django_assert_max_num_queries
    ):
        log_in(client, administrator)
        counts = []
        for more in (1, 4):
            for _number in range(more):
                place(requester, project, version)
                set_limit(
                    project.parent, Metric.VCPUS, Decimal(9_000), valid_from=now(), actor=None
                )
                make_project(project.parent)
            with django_assert_max_num_queries(36) as captured:
                client.get(address(project.parent))
            counts.append(len(captured))

        assert counts[0] == counts[1]


class TestChart:
    first = date(2027, 3, 1)

    def chart(self, *days):
        return make_use_chart(
            [
                DayUse(self.first + number * DAY, Decimal(claimed), limit)
                for number, (claimed, limit) in enumerate(days)
            ],
            Decimal(1),
        )

    def test_pieces_are_counted_whole(self):
        ticks = self.chart((1, Decimal(2))).bars.ticks

        assert [tick.amount for tick in ticks] == [4, 3, 2, 1, 0]

    def test_the_limit_is_a_line_that_steps_and_has_gaps(self):
        limits = [*[Decimal(10)] * 10, None, *[Decimal(20)] * 9]
        chart = self.chart(*[(5, limit) for limit in limits])

        assert chart.bars.ticks[0].amount == 20
        assert [line.split()[0] for line in chart.lines] == ["0.00,50", "55.00,0"]
        assert [line.split()[-1] for line in chart.lines] == ["50.00,50", "100.00,0"]

    def test_a_limit_far_above_the_use_does_not_flatten_it(self):
        chart = self.chart(*[(5, Decimal(10_000))] * 20)

        assert chart.lines == []
        assert chart.bars.ticks[0].amount < 10

    def test_one_day_is_a_narrow_bar_at_the_right(self):
        (bar,) = self.chart((5, Decimal(10))).bars.parts

        assert float(bar.x) > 90
        assert float(bar.width) < 5

    def test_nothing_at_all(self):
        assert self.chart((0, Decimal(0))).bars.parts == ()

    @override("nl")
    def test_a_few_days_have_names(self):
        labels = self.chart(*[(1, None)] * 90).labels

        assert len(labels) == 6
        assert labels[0] == "8 mrt"


class TestLargestUsers:
    def test_the_largest_first_with_what_it_is(
        self, client, administrator, order, project, approver, sent_tasks
    ):
        (user,) = get(client, administrator, address(project)).context["users"]
        assert (user.name, user.amount, user.share) == ("Virtuele server zaak-app", "2", 100)
        assert user.url == reverse("catalog:order", args=[order.public_id])
        assert user.text == f"{project.name}, gereserveerd"

        approve_order(order.public_id, approver=approver, reason="")
        (user,) = get(client, administrator, address(project.parent)).context["users"]
        resource = Resource.objects.get()
        assert (user.name, user.text) == ("zaak-app", project.name)
        assert user.url == reverse("catalog:resource", args=[resource.public_id])

    def test_what_was_released_does_not_count(
        self, administrator, order, project, approver, requester
    ):
        withdraw_order(order.public_id, actor=requester)

        assert find_largest_users(quota_of(project), administrator) == []

    def test_ten_at_most_and_the_largest_of_all(
        self, administrator, project, requester, version, settings
    ):
        for number in range(12):
            place(requester, project, version, name=f"app-{number}")
        quota = quota_of(project)
        largest = quota.claim_lines.order_by("pk").last()
        quota.claim_lines.filter(pk=largest.pk).update(amount=8)
        users = find_largest_users(quota, administrator)

        assert len(users) == 10
        assert users[0].line == largest

    def test_what_the_person_does_not_see_has_no_name(self, order, project):
        stranger = PersonFactory()
        (user,) = find_largest_users(quota_of(project), stranger)

        assert (user.resource, user.order_line) == (None, None)

    def test_parts_below(self, client, administrator, project):
        other = make_project(project.parent, name="Ander")
        for node, claimed in ((project, 3), (other, 9)):
            Quota.objects.update_or_create(
                node=node, metric="vcpus", defaults={"claimed": claimed, "limit_now": 10}
            )
        Quota.objects.filter(node=project.parent, metric="vcpus").update(claimed=12)
        parts = get(client, administrator, address(project.parent)).context["parts"]

        assert [(part.name, part.share) for part in parts] == [("Ander", 75), (project.name, 25)]
        assert parts[0].url == address(other)


class TestNearlyFull:
    where = "/quotas/full"

    def fill(self, node, metric, claimed, limit):
        Quota.objects.update_or_create(
            node=node,
            metric=metric,
            defaults={
                "claimed": claimed,
                "limit_now": limit,
                "over_since": now() if claimed > limit else None,
            },
        )

    def test_the_fullest_first_and_nothing_below_80_percent(self, client, administrator, project):
        for metric, claimed in (("vcpus", 80), ("servers", 79), ("volumes", 120), ("routers", 99)):
            self.fill(project, metric, claimed, 100)
        self.fill(project, "dns_zones", 1, 0)
        rows = get(client, administrator, self.where).context["rows"]

        assert [row.metric.value for row in rows] == ["dns_zones", "volumes", "routers", "vcpus"]
        assert [row.is_over for row in rows] == [True, True, False, False]

    def test_what_will_be_full_soon_stands_there_too(self, client, administrator, project):
        self.fill(project, "vcpus", 50, 100)
        QuotaAlert.objects.create(quota=quota_of(project), kind="full_soon", since=now())

        (row,) = get(client, administrator, self.where).context["rows"]
        assert row.percent == 50

    @pytest.mark.parametrize(
        ("language", "text"), [("nl", "Overal is ruimte"), ("en", "Everything has room")]
    )
    def test_empty(self, client, administrator, language, text):
        assert text in words(get(client, administrator, self.where, language=language))

    def test_another_tenant_is_not_there(self, client, administrator, project):
        self.fill(make_project(make_organization()), "vcpus", 99, 100)

        assert get(client, administrator, self.where).context["rows"] == []

    def test_only_who_may_sets_the_limit(self, client, administrator, project, requester):
        self.fill(project, "vcpus", 99, 100)

        (row,) = get(client, administrator, self.where).context["rows"]
        assert row.limit_url == f"{address(project)}/limit"
        (row,) = get(client, requester, self.where).context["rows"]
        assert row.limit_url == ""

    def test_queries_do_not_depend_on_how_many_there_are(
        self, client, administrator, project, django_assert_max_num_queries
    ):
        log_in(client, administrator)
        counts = []
        for more in (1, 6):
            for _number in range(more):
                self.fill(make_project(project.parent), "vcpus", 9, 10)
            with django_assert_max_num_queries(30) as captured:
                client.get(self.where)
            counts.append(len(captured))

        assert counts[0] == counts[1]


class TestFirstPage:
    """Who governs quotas sees open alerts as one task, and nothing twice."""

    def titles(self, client, person):
        return [task.title for task in get(client, person, "/").context["tasks"]]

    def test_one_line_for_all(self, client, administrator, project, requester):
        for metric in ("vcpus", "servers"):
            for kind in ("nearly_full", "full_soon"):
                QuotaAlert.objects.create(quota=quota_of(project, metric), kind=kind, since=now())

        line = "2 quota zijn bijna vol, of zijn dat binnenkort"
        assert line in self.titles(client, administrator)
        assert line not in self.titles(client, requester)

    def test_what_is_over_has_its_own_line(self, client, administrator, project):
        quota = quota_of(project)
        Quota.objects.filter(pk=quota.pk).update(claimed=12, limit_now=10, over_since=now())
        for kind in ("nearly_full", "over", "full_soon"):
            QuotaAlert.objects.create(quota=quota, kind=kind, since=now())
        titles = self.titles(client, administrator)

        assert sum("limiet" in title for title in titles) == 1
        assert not any("bijna vol" in title for title in titles)
