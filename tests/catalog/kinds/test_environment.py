"""An environment: a place of its own, its quota, and who gets in by which secret."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.urls import reverse
from django.utils.timezone import localdate, now

from billing.models import UsageSpan
from catalog.kinds.environment import QUOTA_OF
from catalog.models import (
    ClaimState,
    Difference,
    Metric,
    Offering,
    Operation,
    OperationKind,
    OperationState,
    OrderState,
    Quota,
    RepairAction,
    Resource,
    ResourceState,
    StepState,
)
from catalog.quota_errors import QuotaExceeded
from catalog.reconciliation import looking
from catalog.reconciliation.looking import look_at
from catalog.services.approvals import approve_order
from catalog.services.changes import Term, place_change
from catalog.services.limits import set_limit
from catalog.services.operations import abandon_operation
from catalog.services.putting_back import put_back
from catalog.services.repair_actions import offered_repairs
from catalog.services.resources import act_on_resource
from catalog.services.secrets import read_secret
from portal.audit.models import AuditEntry
from portal.cloud.models import Cloud, CloudProject, Secret
from portal.cloud.ports import (
    BACKUP_GIB,
    UNLIMITED,
    CloudQuotaRefused,
    CloudRefused,
    CloudUnavailable,
)
from portal.cloud.secrets import SecretGone
from portal.core.calendar import day_of
from portal.identity.models import Role
from tests.factories import OfferingVersionFactory, PersonFactory, grant, place, priced
from tests.logins import log_in
from tests.portal.cloud.workspace import Workspace

pytestmark = pytest.mark.django_db

NONE = {metric.value: 0 for metric in QUOTA_OF}
SPEC = {**NONE, "servers": 2, "vcpus": 4, "memory_gib": 8, "volumes": 2, "volume_gib": 20}
LIMITS = {**SPEC, BACKUP_GIB: 0}
LEAST = {"minimum": 0, "maximum": 1000, "default": 0}


@pytest.fixture
def version(db):
    priced(
        **{
            "environment.vcpus": "4.00",
            "environment.memory_gib": "2.00",
            "environment.volume_gib": "0.10",
        }
    )
    offering = Offering.objects.create(code="environment", kind="environment")
    return OfferingVersionFactory(offering=offering, choices=dict.fromkeys(NONE, LEAST))


@pytest.fixture
def order(engine, requester, approver, project, version):
    def ask(spec=SPEC, name="proeftuin", **changes) -> Resource:
        asked = place(requester, project, version, name=name, spec=spec, **changes)
        engine.call(approve_order, asked.public_id, approver=approver)
        engine.run()
        return Resource.objects.select_related("cloud_project").get(order_line__order=asked)

    return ask


@pytest.fixture
def environment(order):
    return order()


@pytest.fixture
def act(engine, environment, requester):
    def ask(action: str, actor=requester) -> Operation:
        operation = engine.call(act_on_resource, environment.public_id, action=action, actor=actor)
        engine.run()
        operation.refresh_from_db()
        environment.refresh_from_db()
        assert operation.state == OperationState.SUCCEEDED
        return operation

    return ask


@pytest.fixture
def change(engine, environment, requester, approver):
    def ask(**answers) -> Operation:
        asked, _ = place_change(
            requested_by=requester,
            resource=environment,
            purpose="Meer proeven",
            answers=answers,
            end_date=Term.KEPT,
            idempotency_key=str(answers),
        )
        engine.call(approve_order, asked.public_id, approver=approver)
        engine.run()
        environment.refresh_from_db()
        return Operation.objects.get(order_line__order=asked)

    return ask


@pytest.fixture
def colleague(project):
    person = PersonFactory(name="Sanne Bos")
    grant(person, Role.REQUESTER, project)
    return person


def in_place(resource: Resource) -> str:
    return resource.cloud_project.openstack_project_id


def credentials(cloud) -> dict[str, str]:
    """Ids by name."""
    there = [thing for thing in cloud.things.values() if thing.kind == "credential"]
    return {thing.name: thing.id for thing in there}


def own_secret(environment, reader) -> str:
    return read_secret(environment, "environment", reader=reader).values["secret"]


class TestDelivery:
    def test_it_stands_in_a_place_of_its_own_with_exactly_its_quota(self, environment, cloud):
        assert environment.state == ResourceState.ACTIVE
        assert environment.cloud_project.purpose == "environment"
        assert not CloudProject.objects.filter(purpose="managed").exists()
        assert cloud.fetch_quota(in_place(environment)) == LIMITS
        with pytest.raises(CloudQuotaRefused):
            Workspace(cloud, in_place(environment)).network()

    def test_who_works_in_it_makes_no_backups_that_nobody_pays_for(self, environment, cloud):
        inside = Workspace(cloud, in_place(environment))
        volume = inside.available_volume()

        with pytest.raises(CloudQuotaRefused):
            inside.backup(volume.id)

    def test_all_of_its_quota_is_claimed_and_most_of_it_is_paid_for(self, environment, project):
        claimed = {
            row.metric: row.claimed for row in Quota.objects.filter(node=project) if row.claimed
        }
        price = claimed.pop(Metric.MONTHLY_COST_EUR)
        assert claimed == {name: number for name, number in SPEC.items() if number}
        assert price == 4 * 4 + 8 * 2 + Decimal("2.00")
        spans = UsageSpan.objects.select_related("sku")
        assert {span.sku.code for span in spans} == {
            "environment.vcpus",
            "environment.memory_gib",
            "environment.volume_gib",
        }

    def test_more_than_the_tree_has_is_refused(self, order, project):
        set_limit(project, Metric.SERVERS, Decimal(1), valid_from=now(), actor=None)

        with pytest.raises(QuotaExceeded):
            order()

    def test_two_of_one_project_do_not_share_a_place(
        self, environment, engine, requester, approver, project, version
    ):
        asked = place(requester, project, version, name="tweede", spec=SPEC)
        engine.call(approve_order, asked.public_id, approver=approver)
        engine.run()

        places = CloudProject.objects.values_list("openstack_project_id", flat=True)
        assert len(set(places)) == 2

    def test_keystone_is_told_no_end_that_could_not_be_renewed(self, order, cloud, version):
        environment = order(end_date=localdate() + timedelta(days=40))

        assert environment.facts["credentials"] == [{"person": None, "expires_at": None}]


class TestSecret:
    def test_who_ordered_sees_it_once(self, environment, requester, approver):
        with pytest.raises(SecretGone):
            own_secret(environment, approver)

        assert own_secret(environment, requester).startswith("s3cret-")

        with pytest.raises(SecretGone):
            own_secret(environment, requester)
        entry = AuditEntry.objects.get(event="secret.read")
        assert entry.data == {"slot": "environment"}

    def test_it_stands_nowhere_but_encrypted(self, cloud, order, engine, caplog):
        """Every row of every table, every message, and every line of the log."""
        caplog.set_level(logging.DEBUG)
        told: list[str] = []
        create = cloud.create_credential

        def listen(*args, **kwargs):
            issued = create(*args, **kwargs)
            told.append(issued.secret)
            return issued

        cloud.create_credential = listen
        environment = order()

        (secret,) = told
        assert Secret.objects.filter(about=environment.public_id).exists()
        assert tables_with(secret) == []
        assert secret not in caplog.text
        assert tables_with(environment.name), "the search finds what is there"

    def test_user_that_was_made_by_halves_becomes_a_member(self, cloud, order, monkeypatch):
        make = cloud.create_user

        def make_by_halves(**facts):
            cloud.things[make(**facts).id].details["member_of"] = None
            raise CloudUnavailable("gone", outcome_unknown=True)

        monkeypatch.setattr(cloud, "create_user", make_by_halves)

        made = order()

        assert made.state == ResourceState.ACTIVE
        assert list(credentials(cloud)) == ["environment"]

    def test_lost_answer_leaves_one_credential_whose_secret_is_known(self, cloud, order, requester):
        cloud.lose_next_reply("create_credential")

        environment = order()

        assert list(credentials(cloud)) == ["environment"]
        assert credentials(cloud)["environment"] in own_secret(environment, requester)

    def test_it_is_gone_with_the_environment(self, environment, engine, retire):
        retire(environment)
        engine.run()

        assert not Secret.objects.exists()


class TestWhoGetsIn:
    def test_new_credentials_end_the_old_ones(self, act, environment, cloud, requester):
        before = own_secret(environment, requester)
        old = credentials(cloud)["environment"]

        act("rotate")

        assert old not in cloud.things
        assert own_secret(environment, requester) not in {before, ""}

    def test_unread_secret_of_old_credentials_is_forgotten(
        self, act, environment, requester, colleague
    ):
        act("rotate", colleague)

        with pytest.raises(SecretGone):
            own_secret(environment, requester)
        assert own_secret(environment, colleague)

    def test_after_the_term_the_old_ones_are_not_traded_for_none(
        self, environment, engine, cloud, requester
    ):
        before = credentials(cloud)
        asked = engine.call(
            act_on_resource, environment.public_id, action="rotate", actor=requester
        )

        Resource.objects.update(end_date=localdate() - timedelta(days=1))
        engine.run()

        asked.refresh_from_db()
        assert asked.state == OperationState.FAILED
        assert credentials(cloud) == before

    def test_person_has_credentials_of_their_own_for_a_while(
        self, act, environment, cloud, colleague, requester
    ):
        act("credential", colleague)

        slot = f"person-{colleague.public_id.hex}"
        assert set(credentials(cloud)) == {"environment", slot}
        own, personal = environment.facts["credentials"]
        assert (own["person"], personal["person"]) == (None, str(colleague.public_id))
        last_day = day_of(datetime.fromisoformat(personal["expires_at"]))
        assert last_day == localdate() + timedelta(days=90)
        with pytest.raises(SecretGone):
            read_secret(environment, slot, reader=requester)
        assert read_secret(environment, slot, reader=colleague).values["secret"]

    def test_person_withdraws_their_own_and_a_colleague_all(
        self, act, environment, cloud, colleague, requester
    ):
        act("credential", colleague)
        act("credential", requester)

        act("withdraw", colleague)
        assert set(credentials(cloud)) == {"environment", f"person-{requester.public_id.hex}"}

        act("withdraw-all", colleague)
        assert list(credentials(cloud)) == ["environment"]
        assert len(environment.facts["credentials"]) == 1


class TestQuota:
    def test_larger_and_smaller(self, change, environment, cloud):
        change(servers=5, volume_gib=10)

        assert environment.spec == {**SPEC, "servers": 5, "volume_gib": 10}
        assert cloud.fetch_quota(in_place(environment)) == {**environment.spec, BACKUP_GIB: 0}
        spans = UsageSpan.objects.filter(ended_at=None, sku__code="environment.volume_gib")
        assert [span.quantity for span in spans] == [10]

    def test_smaller_than_what_is_in_use_changes_nothing(
        self, engine, change, environment, cloud, requester, project
    ):
        Workspace(cloud, in_place(environment)).volume(size_gib=15)

        operation = change(volume_gib=10)

        assert operation.state == OperationState.FAILED
        assert operation.steps.get().last_error == "volume_gib: 15 in use, 10 asked for"
        assert cloud.fetch_quota(in_place(environment)) == LIMITS
        engine.call(abandon_operation, operation.public_id, actor=requester)
        engine.run()
        environment.refresh_from_db()
        order = operation.order_line.order
        order.refresh_from_db()
        assert order.state == OrderState.CANCELED
        assert environment.spec == SPEC
        assert Quota.objects.get(node=project, metric=Metric.VOLUME_GIB).claimed == 20

    def test_change_of_it_in_the_cloud_is_found_and_set_right(
        self, act, environment, cloud, settings
    ):
        settings.DRIFT_SECOND_LOOK_AFTER = settings.DRIFT_GRACE = timedelta(microseconds=1)
        cloud.set_quota(in_place(environment), {"vcpus": 400})
        Workspace(cloud, in_place(environment)).volume()
        for _ in range(2):
            look_at(Cloud.objects.get())

        rows = Difference.objects.values_list("kind", "field", "ours", "theirs")
        assert list(rows) == [("differs", "vcpus", "4", "400")]

        act("quota")

        assert cloud.fetch_quota(in_place(environment)) == LIMITS

    def test_backups_of_before_are_in_the_way_of_another_quota(
        self, change, environment, cloud, engine, requester
    ):
        cloud.set_quota(in_place(environment), {BACKUP_GIB: UNLIMITED})
        inside = Workspace(cloud, in_place(environment))
        inside.backup(inside.available_volume().id)

        operation = change(servers=5)

        assert operation.state == OperationState.FAILED
        assert operation.steps.get().last_error == "backup_gib: 1 in use, 0 asked for"

        engine.call(abandon_operation, operation.public_id, actor=requester)
        engine.run()

        reversal = Operation.objects.get(kind=OperationKind.REVERT)
        assert reversal.state == OperationState.SUCCEEDED
        assert cloud.fetch_quota(in_place(environment)) == {**LIMITS, BACKUP_GIB: 1}

    def test_room_for_backups_is_found_and_taken_away(self, act, environment, cloud, settings):
        """Also in those that were delivered while every project had it."""
        settings.DRIFT_SECOND_LOOK_AFTER = settings.DRIFT_GRACE = timedelta(microseconds=1)
        cloud.set_quota(in_place(environment), {BACKUP_GIB: UNLIMITED})
        for _ in range(2):
            look_at(Cloud.objects.get())

        rows = Difference.objects.values_list("kind", "field", "ours", "theirs")
        assert list(rows) == [("differs", BACKUP_GIB, "0", "-1")]

        act("quota")

        assert cloud.fetch_quota(in_place(environment)) == LIMITS

    @pytest.mark.parametrize("limits", [{"vcpus": 400}, {"servers": 0}, {BACKUP_GIB: UNLIMITED}])
    def test_operator_has_it_put_back_as_ordered(
        self, engine, environment, cloud, settings, limits
    ):
        settings.DRIFT_SECOND_LOOK_AFTER = settings.DRIFT_GRACE = timedelta(microseconds=1)
        cloud.set_quota(in_place(environment), limits)
        for _ in range(2):
            look_at(Cloud.objects.get())

        engine.call(put_back, Difference.objects.get().public_id, actor=PersonFactory())
        engine.run()

        assert cloud.fetch_quota(in_place(environment)) == LIMITS
        for _ in range(2):
            look_at(Cloud.objects.get())
        assert Difference.objects.get().state == "solved"

    def test_environments_take_turns_to_be_compared(
        self, environment, order, cloud, settings, monkeypatch
    ):
        """Each look asks of one, and judges nothing of the other."""
        settings.DRIFT_SECOND_LOOK_AFTER = settings.DRIFT_GRACE = timedelta(microseconds=1)
        monkeypatch.setattr(looking, "PROJECTS_A_TURN", 1)
        other = order(name="tweede")
        for each in (environment, other):
            cloud.set_quota(in_place(each), {"vcpus": 400})

        pages = [look_at(Cloud.objects.get()).pages for _ in range(4)]

        assert len(set(pages)) == 1
        found = Difference.objects.filter(state="open", field="vcpus")
        assert {row.resource_id for row in found} == {environment.pk, other.pk}
        assert Difference.objects.count() == 2

    def test_project_that_is_refused_an_answer_hides_no_other(
        self, environment, order, cloud, settings
    ):
        settings.DRIFT_SECOND_LOOK_AFTER = settings.DRIFT_GRACE = timedelta(microseconds=1)
        other = order(name="tweede")
        for each in (environment, other):
            cloud.set_quota(in_place(each), {"vcpus": 400})
        for _ in range(2):
            look_at(Cloud.objects.get())
        list_page = cloud.list_page

        def refuse(listing, *, project="", **more):
            if project == in_place(environment):
                raise CloudRefused("403")
            return list_page(listing, project=project, **more)

        cloud.list_page = refuse
        cloud.set_quota(in_place(other), {"vcpus": SPEC["vcpus"]})
        tally = look_at(Cloud.objects.get())

        assert tally.unanswered == ["quotas"]
        states = dict(Difference.objects.values_list("resource", "state"))
        assert states == {environment.pk: "open", other.pk: "solved"}

    def test_one_that_is_gone_is_closed_and_not_made_again(self, environment, cloud, settings):
        settings.DRIFT_SECOND_LOOK_AFTER = settings.DRIFT_GRACE = timedelta(microseconds=1)
        del cloud.things[in_place(environment)]
        for _ in range(2):
            look_at(Cloud.objects.get())

        offered = offered_repairs(Difference.objects.get(), environment)

        assert offered == [RepairAction.RETIRE, RepairAction.UNCHARGE]

    def test_use_is_looked_up(self, act, environment, cloud):
        Workspace(cloud, in_place(environment)).volume(size_gib=15)

        act("count")

        assert environment.facts["used"]["volume_gib"] == 15


class TestCleaningUp:
    def test_everything_in_it_goes(self, environment, engine, cloud, retire):
        work = Workspace(cloud, in_place(environment))
        work.volume()
        work.security_group()

        retire(environment)
        engine.run()

        environment.refresh_from_db()
        assert environment.state == ResourceState.RETIRED
        assert cloud.things == {}
        assert environment.claim.state == ClaimState.RELEASED
        assert environment.facts["credentials"] == []

    def test_nobody_gets_in_while_it_goes(self, environment, engine, cloud, retire):
        Workspace(cloud, in_place(environment)).volume()
        cloud.fail_next("clear_project", CloudUnavailable("later"))

        retire(environment)
        engine.run_one()

        assert credentials(cloud) == {}
        assert cloud.count("volume") == 1

    @pytest.mark.parametrize(
        ("left", "hours", "state"),
        [
            ({"volumes": 1, "servers": 2}, 3, StepState.FAILED),
            ({"volumes": 1, "servers": 2}, 1, StepState.TODO),
            ({"volumes": 1, "containers": 1}, 3, StepState.TODO),
        ],
    )
    def test_what_does_not_go_needs_a_person_after_hours(
        self, environment, engine, cloud, retire, left, hours, state
    ):
        cloud.clear_project = lambda project, **_how: left
        operation = retire(environment)
        engine.run_one()
        step = operation.steps.filter(name="contents")
        assert step.get().state == StepState.TODO

        step.update(started_at=now() - timedelta(hours=hours))
        engine.let_delays_pass()
        engine.run_one()

        assert step.get().state == state
        assert "1 volumes" in step.get().last_error

    def test_page_says_that_all_of_it_goes(self, environment, client, requester):
        log_in(client, requester)

        page = client.get(reverse("catalog:resource-retire", args=[environment.public_id]))

        assert "Alles wat erin staat verdwijnt ook" in page.content.decode()


class TestPage:
    @pytest.fixture
    def page(self, client, requester, environment):
        log_in(client, requester)
        return lambda: client.get(reverse("catalog:resource", args=[environment.public_id]))

    @pytest.fixture
    def show(self, client, environment):
        address = reverse("catalog:resource-secret", args=[environment.public_id])
        return lambda **data: client.post(address, {"slot": "environment", **data})

    def test_says_that_a_secret_waits_and_shows_it_once(self, page, show):
        assert "Er wacht iets geheims op u" in page().content.decode()

        shown = show()

        text = shown.content.decode()
        assert "s3cret-" in text
        assert "application_credential_secret" in text
        assert "no-store" in shown["Cache-Control"]
        again = show()
        assert again.status_code == 404
        assert "s3cret-" not in again.content.decode()
        assert "Er wacht iets geheims op u" not in page().content.decode()

    @pytest.mark.parametrize(
        ("name", "begins"), [("clouds.yaml", "clouds:"), ("provider.tf", 'provider "openstack"')]
    )
    def test_gives_it_as_a_file_instead(self, page, show, name, begins):
        page()

        answer = show(file=name)

        assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
        assert answer.content.decode().startswith(begins)
        assert show().status_code == 404

    def test_after_a_day_it_is_gone_and_says_how_to_get_another(self, page, show):
        page()
        Secret.objects.update(expires_at=now())

        assert show().status_code == 404
        assert "Maak dan een nieuwe" in page().content.decode()

    def test_names_who_gets_in(self, page, act, colleague):
        act("credential", colleague)

        text = page().content.decode()

        assert "Sanne Bos" in text
        assert text.count("Toegangsgegevens die werken") == 1

    def test_operator_gets_no_access(self, client, environment, project):
        operator = PersonFactory(name="Olaf Visser")
        grant(operator, Role.OPERATOR, project)
        log_in(client, operator)

        asked = client.post(reverse("catalog:resource-act", args=[environment.public_id, "rotate"]))

        assert asked.status_code == 403
        assert not Operation.objects.filter(kind=OperationKind.ACT).exists()

    def test_lost_key_leaves_the_secret_where_it_is(self, page, show, settings):
        page()
        settings.ENCRYPTION_KEYS = {99: b"k" * 32}

        assert show().status_code == 409
        assert Secret.objects.exists()


def tables_with(text: str) -> list[str]:
    """The tables in which the text stands, in any column of any row."""
    with connection.cursor() as cursor:
        names = connection.introspection.table_names(cursor)
        found = []
        for name in names:
            cursor.execute(
                f'SELECT count(*) FROM "{name}" AS row WHERE row::text LIKE %s', [f"%{text}%"]
            )
            if cursor.fetchone()[0]:
                found.append(name)
    return found
