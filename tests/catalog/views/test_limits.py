"""Setting the limit of one part on the page of quotas, and letting a part hand out more."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import strip_tags
from django.utils.timezone import localdate, now

from catalog.models import LimitChange, Metric, Quota, QuotaLimit
from catalog.services.limits import set_limit
from portal.audit.models import AuditEntry
from portal.core.calendar import end_of_day, start_of_day
from portal.identity.models import Role
from tests.factories import PersonFactory, generous_limits, grant, make_organization, make_project
from tests.logins import log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def ministry():
    return make_organization(name="Ministerie van Bodem")


@pytest.fixture
def directorate(ministry):
    return make_organization(ministry, name="Directie Grond")


@pytest.fixture
def project(directorate):
    made = make_project(directorate, name="Meetnet")
    generous_limits(made)
    return made


@pytest.fixture
def administrator(ministry):
    person = PersonFactory(name="Joost")
    grant(person, Role.QUOTA_ADMINISTRATOR, ministry)
    return person


def limit_of(node, metric=Metric.SERVERS):
    return Quota.objects.get(node=node, metric=metric).limit_now


def send(client, node, metric="servers", **answers):
    address = reverse("catalog:quota-limit", args=[node.public_id, metric])
    return client.post(address, {"amount": "12", "reason": "Groei", **answers})


class TestSetting:
    def test_it_holds_at_once_and_says_who_and_why(self, client, administrator, project):
        response = send(log_in(client, administrator), project)

        address = f"/quotas?metric=servers&node={project.public_id}"
        assert (response.status_code, response.headers["Location"]) == (302, address)
        assert limit_of(project) == 12
        change = LimitChange.objects.get()
        assert (change.before, change.amount, change.reason) == (10_000, 12, "Groei")
        assert change.changed_by == administrator
        assert AuditEntry.objects.get(event="quota.limit_set").actor_id == administrator.pk
        text = client.get(address).content.decode()
        assert "Van 10.000 naar 12." in text
        assert "<q>Groei</q>" in text

    def test_for_a_time_it_ends_by_itself(self, client, administrator, project):
        last = localdate() + timedelta(days=30)

        send(log_in(client, administrator), project, until=f"{last:%d-%m-%Y}")

        limits = QuotaLimit.objects.filter(quota__node=project, quota__metric="servers")
        periods = list(limits.order_by("valid_from").values_list("amount", "valid_until"))
        assert periods[1:] == [(12, end_of_day(last)), (10_000, None)]

    def test_what_ends_by_itself_keeps_its_end_when_nobody_takes_it_away(
        self, client, administrator, project
    ):
        last = localdate() + timedelta(days=30)
        send(log_in(client, administrator), project, until=f"{last:%d-%m-%Y}")

        page = client.get("/quotas", {"metric": "servers", "node": str(project.public_id)})
        assert page.context["form"]["until"].value() == last
        assert "Wat vanzelf volgt: 10.000 vanaf" in " ".join(
            strip_tags(page.content.decode()).split()
        )
        send(client, project, amount="13", until=f"{last:%d-%m-%Y}")

        limits = QuotaLimit.objects.filter(quota__node=project, quota__metric="servers")
        following = limits.get(valid_from=end_of_day(last))
        assert (following.amount, following.valid_until) == (10_000, None)

    def test_an_end_within_a_day_stays_what_it_is(self, client, administrator, project):
        noon = start_of_day(localdate() + timedelta(days=30)) + timedelta(hours=12)
        set_limit(
            project, Metric.SERVERS, Decimal(5), valid_from=now(), valid_until=noon, actor=None
        )
        log_in(client, administrator)
        page = client.get("/quotas", {"metric": "servers", "node": str(project.public_id)})

        send(client, project, until=f"{page.context['form']['until'].value():%d-%m-%Y}")

        limits = QuotaLimit.objects.filter(quota__node=project, quota__metric="servers")
        assert limits.get(amount=12).valid_until == noon
        assert limits.get(valid_from=noon).amount == 10_000

    def test_the_form_says_how_much_is_in_use(self, client, administrator, project):
        Quota.objects.filter(node=project, metric=Metric.MEMORY_GIB).update(claimed=40)
        asked = {"metric": "memory_gib", "node": str(project.public_id)}
        page = log_in(client, administrator).get("/quotas", asked)

        text = " ".join(strip_tags(page.content.decode()).split())
        assert "40 GiB is in gebruik of gereserveerd." in text

    def test_unlimited_is_an_explicit_choice_whatever_stands_beside_it(
        self, client, administrator, project
    ):
        send(log_in(client, administrator), project, is_unlimited="on")

        assert limit_of(project) is None

    def test_below_what_is_in_use_it_is_accepted_and_blocks(self, client, administrator, project):
        Quota.objects.filter(node=project, metric="servers").update(claimed=5)

        send(log_in(client, administrator), project, amount="3")

        row = Quota.objects.get(node=project, metric="servers")
        assert row.over_since is not None

    @pytest.mark.parametrize(
        "answers",
        [
            {"amount": ""},
            {"amount": "-1"},
            {"amount": "1,5"},
            {"amount": "1e99"},
            {"amount": "NaN"},
            {"amount": "\x00"},
            {"amount": "twaalf"},
            {"reason": " "},
            {"reason": "x" * 501},
            {"until": "31-02-2030"},
            {"until": "01-01-2020"},
            {"until": "31-12-9999"},
            {"until": "01-01-0001"},
        ],
        ids=str,
    )
    def test_what_cannot_be_changes_nothing(self, client, administrator, project, answers):
        response = send(log_in(client, administrator), project, **answers)

        assert response.status_code == 422
        assert response.context["form"].errors
        assert limit_of(project) == 10_000
        assert not LimitChange.objects.exists()

    def test_euros_have_cents(self, client, administrator, project):
        send(log_in(client, administrator), project, "monthly_cost_eur", amount="1.250,50")

        assert limit_of(project, Metric.MONTHLY_COST_EUR) == Decimal("1250.50")

    def test_no_more_than_there_is_to_hand_out(self, client, administrator, directorate, project):
        Quota.objects.filter(node=directorate).update(overcommit_allowed=False)

        response = send(log_in(client, administrator), project, amount="10001")

        assert response.status_code == 422
        assert "zou 10.001 van 10.000 uitdelen" in response.content.decode()
        assert limit_of(project) == 10_000


class TestWho:
    def test_who_governs_a_part_does_not_set_its_own_limit(self, client, directorate, project):
        person = PersonFactory()
        grant(person, Role.QUOTA_ADMINISTRATOR, directorate)
        log_in(client, person)

        assert send(client, directorate).status_code == 403
        assert limit_of(directorate) == 10_000
        refused = AuditEntry.objects.get(event="quota.limit_refused")
        assert (refused.node_id, refused.code) == (directorate.pk, "not_allowed")
        assert send(client, project).status_code == 302

    def test_above_the_topmost_there_is_nobody(self, client, administrator, ministry, project):
        assert send(log_in(client, administrator), ministry).status_code == 302

    def test_elsewhere_it_does_not_exist(self, client, administrator):
        other = make_project(name="Ander")
        generous_limits(other)

        assert send(log_in(client, administrator), other).status_code == 404

    def test_a_form_is_shown_to_who_may_alone(self, client, project, administrator):
        reader = PersonFactory()
        grant(reader, Role.AUDITOR, project)
        for person, is_there in ((administrator, True), (reader, False)):
            page = log_in(client, person).get(f"/quotas?node={project.public_id}")
            assert (b'name="amount"' in page.content) is is_there

    def test_an_unknown_metric_is_not_found(self, client, administrator, project):
        assert send(log_in(client, administrator), project, "gigantisch").status_code == 404


class TestOvercommit:
    def send(self, client, node, allow):
        address = reverse("catalog:quota-overcommit", args=[node.public_id, "servers"])
        return client.post(address, {"allow": allow})

    def test_who_governs_a_part_lets_it_hand_out_more(self, client, directorate, project):
        Quota.objects.update(overcommit_allowed=False)
        person = PersonFactory()
        grant(person, Role.QUOTA_ADMINISTRATOR, directorate)
        log_in(client, person)

        assert self.send(client, directorate, "yes").status_code == 302
        assert send(client, project, amount="20000").status_code == 302
        assert self.send(client, directorate, "no").status_code == 302
        assert send(client, project, amount="20001").status_code == 422
        assert send(client, project, amount="15000").status_code == 302  # less than it was

        entries = AuditEntry.objects.filter(event="quota.overcommit_set").order_by("at")
        assert [entry.data["is_allowed"] for entry in entries] == [True, False]

    def test_nobody_else_does(self, client, directorate, project):
        Quota.objects.update(overcommit_allowed=False)
        person = PersonFactory()
        grant(person, Role.REQUESTER, directorate)

        assert self.send(log_in(client, person), directorate, "yes").status_code == 403
        assert not Quota.objects.filter(overcommit_allowed=True).exists()


class TestList:
    @pytest.fixture
    def tree(self, directorate, project):
        full = make_project(directorate, name="Vol archief")
        empty = make_project(directorate, name="Leeg")
        for node in (full, empty):
            set_limit(node, Metric.SERVERS, Decimal(10), valid_from=now(), actor=None)
        Quota.objects.filter(node=full, metric="servers").update(claimed=9)
        Quota.objects.filter(node=project, metric="servers").update(claimed=20)

    def names(self, client, person, **query):
        page = log_in(client, person).get("/quotas", query)
        return [row.node.name for row in page.context["rows"]]

    def test_nearly_full(self, client, administrator, tree):
        assert self.names(client, administrator, full="1") == ["Vol archief"]

    def test_by_name(self, client, administrator, tree):
        assert self.names(client, administrator, q="archief") == ["Vol archief"]
        assert self.names(client, administrator, q="bestaat niet") == []

    @pytest.mark.parametrize(
        ("sort", "first"),
        [
            ("full", ["Vol archief", "Meetnet"]),
            ("used", ["Meetnet", "Vol archief"]),
            ("free", ["Vol archief", "Leeg"]),
        ],
    )
    def test_sorted(self, client, administrator, tree, sort, first):
        assert self.names(client, administrator, sort=sort)[:2] == first

    def test_what_holds_something_where_nothing_is_allowed_is_the_fullest(
        self, client, administrator, tree, project
    ):
        set_limit(project, Metric.SERVERS, Decimal(0), valid_from=now(), actor=None)

        names = self.names(client, administrator, sort="full")

        assert names[:2] == ["Meetnet", "Vol archief"]

    def test_where_nothing_is_allowed_and_nothing_held_is_not_full(
        self, client, administrator, tree, directorate
    ):
        make_project(directorate, name="Aanloop")  # no limit, so first by its name alone

        assert "Aanloop" not in self.names(client, administrator, sort="full")[:2]

    def test_what_is_unlimited_is_the_highest(self, client, administrator, tree, directorate):
        set_limit(directorate, Metric.SERVERS, None, valid_from=now(), actor=None)

        assert self.names(client, administrator, sort="limit")[0] == "Directie Grond"

    def test_what_is_handed_out_stands_beside_the_limit(self, client, administrator, tree):
        page = log_in(client, administrator).get("/quotas")
        rows = {row.node.name: row for row in page.context["rows"]}

        assert rows["Directie Grond"].handed_out_text == "10.020"
        assert rows["Directie Grond"].is_overcommitted
        assert rows["Meetnet"].handed_out_text == ""

    @pytest.mark.parametrize("query", ["sort=x", "sort=%00", "q=%00", "full=x", "page=9"])
    def test_nonsense_is_no_error(self, client, administrator, tree, query):
        assert log_in(client, administrator).get(f"/quotas?{query}").status_code == 200


class TestChangedLately:
    """What people set last, on the page of all."""

    @pytest.fixture
    def quotas(self, directorate, project):
        projects = [project, *(make_project(directorate) for _number in range(6))]
        for one in projects[1:]:
            generous_limits(one)
        found = Quota.objects.filter(metric=Metric.SERVERS, node__in=projects)
        return list(found.order_by("node"))

    @pytest.fixture
    def change(self, administrator):
        """Changes that people made, each so many minutes ago; the platform where it is None."""
        moment = now()

        def change(quota, *minutes, by=administrator):
            made = [
                LimitChange(
                    quota=quota,
                    before=1,
                    amount=2,
                    valid_from=moment,
                    changed_by=by,
                    changed_at=moment - timedelta(minutes=ago),
                )
                for ago in minutes
            ]
            return LimitChange.objects.bulk_create(made)

        return change

    def shown(self, client, person, **query):
        page = log_in(client, person).get("/quotas", {"metric": "servers", **query})
        return [change for change, *_words in page.context["changes"]]

    def test_the_newest_of_all_quotas(self, client, administrator, quotas, change):
        for place, quota in enumerate(quotas):
            change(quota, *range(place + 10, 100, 7))

        newest = LimitChange.objects.order_by("-changed_at")[:5]

        assert self.shown(client, administrator) == list(newest)
        assert len({one.quota for one in newest}) == 5

    def test_all_of_one_quota_when_that_has_the_newest(self, client, administrator, quotas, change):
        for quota in quotas:
            change(quota, 60)
        newest = change(quotas[0], 1, 2, 3, 4, 5, 6)

        assert self.shown(client, administrator) == newest[:5]

    def test_of_those_made_at_once_the_last(self, client, administrator, quotas, change):
        made = [change(quota, 10)[0] for quota in (*quotas, *quotas)]

        assert self.shown(client, administrator) == made[:-6:-1]

    def test_of_one_part(self, client, administrator, quotas, change):
        change(quotas[1], 1)
        own = change(quotas[0], 2)

        node = str(quotas[0].node.public_id)
        assert self.shown(client, administrator, node=node) == own

    def test_nothing_else(self, client, quotas, change):
        """Not of the platform, of another metric, or of a part that one does not reach."""
        quota, other, *_rest = quotas
        person = PersonFactory()
        grant(person, Role.REQUESTER, quota.node)
        change(quota, 1, by=None)
        change(Quota.objects.get(node=quota.node, metric="vcpus"), 2)
        change(other, 3)
        own = change(quota, 4)

        assert self.shown(client, person) == own

    @pytest.mark.parametrize("is_one_reached", [True, False])
    def test_the_history_of_a_quota_is_not_read(
        self, client, administrator, quotas, change, is_one_reached
    ):
        for quota in quotas:
            change(quota, *range(300))
        person = administrator
        if is_one_reached:
            person = PersonFactory()
            grant(person, Role.REQUESTER, quotas[0].node)

        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        with CaptureQueriesContext(connection) as captured:
            assert len(self.shown(client, person)) == 5

        asked = [query["sql"] for query in captured if "catalog_limitchange" in query["sql"]]
        assert asked
        assert sum(map(rows_read, asked)) < 300


def rows_read(statement: str) -> int:
    """How many changes of limits the database reads for it."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}")
        ((plan,),) = cursor.fetchone()
    nodes, read = [plan["Plan"]], 0
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        if node.get("Relation Name") == "catalog_limitchange":
            dropped = node.get("Rows Removed by Filter", 0)
            read += (node["Actual Rows"] + dropped) * node["Actual Loops"]
    return read
