"""Who may not get in any more has no credential left: the clock sees it, the cloud forgets."""

from __future__ import annotations

from datetime import timedelta

import pytest
from celery import current_app
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.timezone import localdate, now

from catalog.errors import ActionNotOffered, ResourceBusy
from catalog.models import (
    Operation,
    OperationKind,
    OperationState,
    Resource,
    ResourceState,
)
from catalog.services import access
from catalog.services.operations import resume_operation, start_operation
from catalog.services.resources import act_on_resource, retire_resource
from catalog.services.secrets import read_secret
from catalog.views.history import history_of
from portal.audit.models import AuditEntry
from portal.cloud.models import Secret
from portal.cloud.ports import CloudRefused, CloudUnavailable
from portal.cloud.secrets import SecretGone
from portal.core.formats import day
from portal.identity.models import Identity, Node, Person, Role, RoleGrant
from tests.catalog.kinds.test_environment import (
    act,
    change,
    colleague,
    credentials,
    environment,
    order,
    version,
)
from tests.factories import PersonFactory, grant, grant_in_portal
from tests.logins import log_in
from tests.portal.cloud.workspace import Workspace

__all__ = ["act", "change", "colleague", "environment", "order", "version"]
pytestmark = pytest.mark.django_db
OWN = "environment"


def name_of(person: Person) -> str:
    return f"person-{person.public_id.hex}"


def end_roles(person: Person) -> None:
    """As a colleague does, or a review, or who says that they left."""
    RoleGrant.objects.filter(person=person).update(valid_until=now(), end_reason="ended")


def withdrawals() -> list[Operation]:
    return list(Operation.objects.filter(kind=OperationKind.WITHDRAW).order_by("pk"))


@pytest.fixture
def strike(engine):
    """What beat rings; then the engine comes to rest."""

    def ring(*, carry_out: bool = True) -> None:
        engine.call(current_app.tasks["catalog.withdraw_access"])
        if carry_out:
            engine.run()

    return ring


@pytest.fixture
def leaver(act, colleague) -> Person:
    """Has a credential of their own."""
    act("credential", colleague)
    return colleague


class TestWhoLosesIt:
    def test_whose_role_ended_has_none_left(self, leaver, environment, cloud, strike):
        end_roles(leaver)

        strike()

        assert list(credentials(cloud)) == [OWN]
        environment.refresh_from_db()
        assert [item["person"] for item in environment.facts["credentials"]] == [None]

    def test_without_the_clock_it_stays(self, leaver, engine, cloud):
        # Proves that the test before can fail.
        end_roles(leaver)

        engine.sweep()
        engine.run()

        assert name_of(leaver) in credentials(cloud)

    def test_who_may_get_in_keeps_it(self, leaver, cloud, strike):
        strike()

        assert name_of(leaver) in credentials(cloud)
        assert withdrawals() == []

    def test_role_of_the_portal_that_expired(self, act, project, cloud, strike):
        person = PersonFactory()
        given = grant_in_portal(person, Role.REQUESTER, project)
        act("credential", person)
        strike()
        assert name_of(person) in credentials(cloud)

        RoleGrant.objects.filter(pk=given.pk).update(valid_until=now())
        strike()

        assert list(credentials(cloud)) == [OWN]

    def test_person_who_left(self, leaver, cloud, strike):
        Person.objects.filter(pk=leaver.pk).update(is_active=False, ended_at=now())

        strike()

        assert list(credentials(cloud)) == [OWN]

    def test_claim_that_the_last_login_did_not_bring(self, leaver, cloud, strike):
        moment = now()
        RoleGrant.objects.filter(person=leaver).update(valid_until=moment)
        Identity.objects.filter(person=leaver).update(last_login_at=moment)

        strike()

        assert list(credentials(cloud)) == [OWN]

    def test_login_elsewhere_tells_nothing_of_a_claim(self, leaver, cloud, strike):
        lapsed = now() - timedelta(days=2)
        RoleGrant.objects.filter(person=leaver).update(
            valid_from=lapsed - timedelta(days=1), valid_until=lapsed
        )
        Identity.objects.filter(person=leaver).update(last_login_at=lapsed - timedelta(days=1))
        Person.objects.filter(pk=leaver.pk).update(last_login=now())

        strike()

        assert name_of(leaver) in credentials(cloud)

    @pytest.mark.parametrize(("days", "stays"), [(29, True), (31, False)])
    def test_claim_that_lapsed_counts_for_a_month(self, leaver, cloud, strike, days, stays):
        lapsed = now() - timedelta(days=days)
        Identity.objects.filter(person=leaver).update(last_login_at=lapsed - timedelta(days=1))
        RoleGrant.objects.filter(person=leaver).update(
            valid_from=lapsed - timedelta(days=1), valid_until=lapsed
        )

        strike()

        assert (name_of(leaver) in credentials(cloud)) is stays

    def test_another_role_does_not_do(self, leaver, project, cloud, strike):
        end_roles(leaver)
        grant(leaver, Role.OPERATOR, project)

        strike()

        assert list(credentials(cloud)) == [OWN]

    def test_role_above_the_project_does(self, leaver, project, cloud, strike):
        end_roles(leaver)
        grant(leaver, Role.REQUESTER, Node.objects.get(pk=project.ancestor_ids[0]))

        strike()

        assert name_of(leaver) in credentials(cloud)

    def test_of_two_only_the_one_who_left(self, leaver, act, requester, cloud, strike):
        act("credential", requester)
        end_roles(leaver)

        strike()

        assert set(credentials(cloud)) == {OWN, name_of(requester)}


class TestHow:
    def test_unread_secret_is_forgotten_at_once(self, leaver, environment, requester, strike):
        end_roles(leaver)

        strike(carry_out=False)

        with pytest.raises(SecretGone):
            read_secret(environment, name_of(leaver), reader=leaver)
        assert Secret.objects.get().reader_id == requester.pk

    def test_is_written_down_and_told(self, leaver, environment, strike):
        end_roles(leaver)

        strike()

        (operation,) = withdrawals()
        assert operation.state == OperationState.SUCCEEDED
        entry = AuditEntry.objects.get(event="resource.access_ended")
        assert entry.data == {"person": leaver.pk}
        told = history_of([environment.public_id, operation.public_id])
        assert any("mag er niet meer bij" in str(line) for line in told)

    def test_serves_before_batches(self, leaver, strike):
        end_roles(leaver)

        strike()

        assert withdrawals()[0].queue == "interactive"

    def test_is_begun_once(self, leaver, strike):
        end_roles(leaver)

        strike(carry_out=False)
        strike(carry_out=False)

        assert len(withdrawals()) == 1

    def test_cloud_that_is_down_is_tried_again(self, leaver, engine, cloud, strike):
        end_roles(leaver)
        cloud.fail_next("delete_credential", CloudUnavailable("down"))

        strike(carry_out=False)
        engine.run_one()
        assert name_of(leaver) in credentials(cloud)
        engine.sweep()
        engine.run()

        assert list(credentials(cloud)) == [OWN]

    def test_who_has_a_role_again_by_then_keeps_it(self, leaver, project, engine, cloud, strike):
        end_roles(leaver)
        strike(carry_out=False)

        grant(leaver, Role.REQUESTER, project)
        engine.run()

        assert name_of(leaver) in credentials(cloud)
        assert withdrawals()[0].state == OperationState.SUCCEEDED

    def test_pages_of_any_size_cost_no_more_questions(
        self, leaver, monkeypatch, strike, django_assert_num_queries
    ):
        monkeypatch.setattr(access, "PAGE_SIZE", 1)

        with django_assert_num_queries(4):  # two pages, of which the last is empty
            assert list(access._lapsed()) == []


class TestTerm:
    def test_when_it_is_over_nobody_gets_in(self, leaver, environment, cloud, strike):
        Resource.objects.update(end_date=localdate() - timedelta(days=1))

        strike(carry_out=False)

        assert not Secret.objects.exists()
        assert not AuditEntry.objects.filter(event__endswith="access_ended").exists()
        strike()
        assert credentials(cloud) == {}
        environment.refresh_from_db()
        assert environment.facts["credentials"] == []
        events = AuditEntry.objects.filter(event__endswith="access_ended")
        assert events.get().event == "resource.all_access_ended"
        strike()
        assert len(withdrawals()) == 1

    def test_once_it_is_over_nothing_new_is_given(self, environment, requester, engine):
        Resource.objects.update(end_date=localdate() - timedelta(days=1))

        with pytest.raises(ActionNotOffered):
            act_on_resource(environment.public_id, action="rotate", actor=requester)

        assert (
            not environment.operations.filter(kind=OperationKind.ACT)
            .exclude(state=OperationState.SUCCEEDED)
            .exists()
        )

    @pytest.mark.parametrize("days", [0, 365])
    def test_on_the_last_day_and_once_renewed_they_go_on(self, leaver, cloud, strike, days):
        before = credentials(cloud)
        Resource.objects.update(end_date=localdate() + timedelta(days=days))

        strike()

        assert credentials(cloud) == before

    def test_who_renewed_it_by_then_keeps_them(self, leaver, engine, cloud, strike):
        before = credentials(cloud)
        Resource.objects.update(end_date=localdate() - timedelta(days=1))
        strike(carry_out=False)

        Resource.objects.update(end_date=localdate() + timedelta(days=1))
        engine.run()

        assert credentials(cloud) == before
        assert not AuditEntry.objects.filter(event="resource.all_access_ended").exists()

    def test_who_renewed_it_while_the_cloud_was_asked_keeps_them(
        self, leaver, engine, cloud, strike, monkeypatch
    ):
        before = credentials(cloud)
        Resource.objects.update(end_date=localdate() - timedelta(days=1))
        strike(carry_out=False)
        listed = cloud.list_credentials

        def renewed_meanwhile(user):
            Resource.objects.update(end_date=localdate() + timedelta(days=1))
            return listed(user)

        monkeypatch.setattr(cloud, "list_credentials", renewed_meanwhile)
        engine.run()

        assert withdrawals()[0].state == OperationState.SUCCEEDED
        assert credentials(cloud) == before

    def test_page_says_until_when(self, environment, client, requester):
        Resource.objects.update(end_date=localdate() + timedelta(days=1))
        log_in(client, requester)

        page = client.get(reverse("catalog:resource", args=[environment.public_id]))

        assert day(localdate() + timedelta(days=2)) in page.content.decode()


class TestWithdrawing:
    @pytest.mark.parametrize("action", ["withdraw", "withdraw-all"])
    def test_forgets_what_was_not_read(self, act, leaver, environment, action):
        act(action, leaver)

        assert not Secret.objects.filter(slot=name_of(leaver)).exists()
        assert Secret.objects.filter(slot=OWN).exists()


class TestLostLease:
    """A worker that stood still for longer than its lease makes and deletes nothing more."""

    @pytest.fixture
    def stand_still_at(self, environment, engine, cloud, requester, monkeypatch):
        """The first worker goes to sleep there; a second one does all of the work meanwhile."""

        def begin(call: str) -> None:
            engine.call(act_on_resource, environment.public_id, action="rotate", actor=requester)
            original = getattr(cloud, call)

            def sleep(*arguments, **more):
                answer = original(*arguments, **more)
                setattr(cloud, call, original)
                engine.let_leases_end()
                engine.sweep()
                engine.run()
                return answer

            setattr(cloud, call, sleep)
            engine.run()

        return begin

    @pytest.mark.parametrize("call", ["list_credentials", "delete_credential"])
    def test_one_credential_is_left_of_which_the_secret_is_known(
        self, stand_still_at, environment, cloud, requester, call
    ):
        stand_still_at(call)

        assert list(credentials(cloud)) == [OWN]
        shown = read_secret(environment, OWN, reader=requester)
        assert shown.values["id"] == credentials(cloud)[OWN]


class TestRaces:
    def test_role_that_ends_while_the_credential_is_made(
        self, environment, engine, cloud, colleague, strike
    ):
        create = cloud.create_credential

        def leave_meanwhile(*arguments, **more):
            issued = create(*arguments, **more)
            end_roles(colleague)
            engine.call(current_app.tasks["catalog.withdraw_access"])  # sees nothing yet
            return issued

        cloud.create_credential = leave_meanwhile
        engine.call(act_on_resource, environment.public_id, action="credential", actor=colleague)
        engine.run()
        assert name_of(colleague) in credentials(cloud)

        strike()

        assert list(credentials(cloud)) == [OWN]
        assert not Secret.objects.filter(reader_id=colleague.pk).exists()

    def test_waits_for_work_that_makes_a_credential(
        self, leaver, environment, engine, cloud, requester, strike
    ):
        end_roles(leaver)
        engine.call(act_on_resource, environment.public_id, action="rotate", actor=requester)

        strike(carry_out=False)
        assert withdrawals() == []
        engine.run()
        strike()

        assert list(credentials(cloud)) == [OWN]

    def test_work_that_hangs_does_not_hold_it_up(self, leaver, change, environment, cloud, strike):
        Workspace(cloud, environment.cloud_project.openstack_project_id).volume(size_gib=15)
        hanging = change(volume_gib=10)
        assert hanging.state == OperationState.FAILED
        end_roles(leaver)

        strike()

        assert list(credentials(cloud)) == [OWN]
        hanging.refresh_from_db()
        assert hanging.state == OperationState.FAILED

    def test_what_hangs_goes_on_after_it(
        self, leaver, change, environment, engine, cloud, requester, strike
    ):
        Workspace(cloud, environment.cloud_project.openstack_project_id).volume(size_gib=15)
        hanging = change(volume_gib=10)
        end_roles(leaver)
        strike(carry_out=False)

        with pytest.raises(ResourceBusy):
            resume_operation(hanging.public_id, actor=requester)

        engine.run()
        engine.call(resume_operation, hanging.public_id, actor=requester)

    def test_one_that_hangs_itself_is_tried_again(
        self, leaver, act, requester, engine, cloud, strike
    ):
        act("credential", requester)
        end_roles(leaver)
        cloud.fail_next("list_credentials", CloudRefused("no"))
        strike()
        end_roles(requester)
        strike()
        assert name_of(leaver) in credentials(cloud)

        Operation.objects.filter(kind=OperationKind.WITHDRAW).update(
            failed_at=now() - access.TRIED_AGAIN_AFTER
        )
        strike()
        engine.let_delays_pass()
        engine.sweep()
        engine.run()

        assert list(credentials(cloud)) == [OWN]
        assert [operation.state for operation in withdrawals()] == [OperationState.SUCCEEDED]

    def test_one_that_hangs_itself_holds_nothing_up(
        self, leaver, environment, engine, cloud, requester, retire, strike
    ):
        end_roles(leaver)
        cloud.fail_next("list_credentials", CloudRefused("no"))
        strike()
        (stuck,) = withdrawals()
        assert stuck.state == OperationState.FAILED

        engine.call(act_on_resource, environment.public_id, action="rotate", actor=requester)
        engine.run()
        retire(environment)
        engine.run()

        environment.refresh_from_db()
        stuck.refresh_from_db()
        assert environment.state == ResourceState.RETIRED
        assert stuck.state == OperationState.ABANDONED

    def test_database_accepts_one_at_a_time(self, environment):
        start_operation(environment, OperationKind.WITHDRAW, requested_by=None)

        with pytest.raises(IntegrityError, match="operation_one_withdrawal"), transaction.atomic():
            start_operation(environment, OperationKind.WITHDRAW, requested_by=None)


class WorkerDied(BaseException):
    """As when the machine goes down: nothing is written any more."""


class TestSecretsOfWhatIsGone:
    """What nobody read yet, of a credential that works no longer, is shown to nobody."""

    @pytest.fixture
    def two(self, act, requester, leaver) -> list[str]:
        """Names of the credentials that two people made, neither of them read."""
        act("credential")
        return sorted(map(name_of, (requester, leaver)))

    @staticmethod
    def slots() -> list[str]:
        return sorted(Secret.objects.values_list("slot", flat=True))

    def test_withdrawn_before_and_after_a_worker_died(
        self, two, environment, requester, engine, cloud, monkeypatch
    ):
        assert set(two) <= set(self.slots())
        deleted = cloud.delete_credential

        def die_after_the_first(user, credential):
            deleted(user, credential)
            raise WorkerDied

        monkeypatch.setattr(cloud, "delete_credential", die_after_the_first)
        engine.call(act_on_resource, environment.public_id, action="withdraw-all", actor=requester)
        with pytest.raises(WorkerDied):
            engine.run()
        monkeypatch.setattr(cloud, "delete_credential", deleted)
        engine.let_leases_end()
        engine.sweep()
        engine.run()

        assert list(credentials(cloud)) == [OWN]
        assert self.slots() == [OWN]

    def test_environment_that_is_locked_while_it_is_being_emptied(
        self, two, environment, engine, cloud, requester
    ):
        assert self.slots() == sorted([OWN, *two])
        cloud.fail_next("clear_project", CloudRefused("stuck"))
        engine.call(
            retire_resource,
            environment.public_id,
            actor=requester,
            confirmation=environment.name,
        )
        engine.run()

        environment.refresh_from_db()
        assert environment.state == ResourceState.RETIRING
        assert self.slots() == []

    def test_user_that_is_gone_from_the_cloud(self, two, engine, cloud, strike, leaver):
        end_roles(leaver)
        for thing in [one for one in cloud.things.values() if one.kind == "user"]:
            del cloud.things[thing.id]

        strike()

        assert self.slots() == []
