"""Another size on trial: a person keeps it or puts it back, and else it stays after a day."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from billing.models import UsageSpan
from catalog.errors import NotOnTrial
from catalog.models import OperationState, OrderState, Resource, StepState
from catalog.provisioning.cloud_quota import needed_quota
from catalog.services.trials import end_trial
from catalog.services.undoing import cancel_operation
from portal.audit.models import AuditEntry
from portal.identity.models import Role
from tests.factories import PersonFactory, grant, reoffered
from tests.logins import log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(version):
    return reoffered(version, extras=["resize_trial"])


@pytest.fixture
def trial(change, server):
    """A server with its larger size, which somebody may judge now."""
    operation = change(server, flavor="gp.medium")
    assert operation.state == OperationState.RUNNING
    return operation


@pytest.fixture
def settle(engine, trial, server):
    """Lets the engine come to rest."""

    def run():
        engine.run()
        for row in (trial, server, trial.order_line.order):
            row.refresh_from_db()

    return run


def in_cloud(cloud, server):
    thing = cloud.things[server.cloud_ids["server"]]
    return thing.status, thing.details["flavor"]


def metered(server):
    spans = UsageSpan.objects.filter(resource__public_id=server.public_id, ended_at=None)
    return set(spans.values_list("sku__code", flat=True)) - {"volume.standard"}


def test_until_somebody_says_so_the_cloud_keeps_both(trial, cloud, server):
    step = trial.steps.get(name="trial")

    assert in_cloud(cloud, server) == ("VERIFY_RESIZE", "gp.medium")
    assert step.state == StepState.TODO
    assert step.due_at - step.started_at == timedelta(hours=24)
    assert needed_quota(server.cloud_project)["vcpus"] == 6
    assert metered(server) == {"server.gp.small"}


def test_nobody_asks_the_cloud_meanwhile(trial, engine, cloud):
    before = cloud.calls.total()

    engine.sweep()
    engine.run()

    assert cloud.calls.total() == before


def test_who_finds_it_well_keeps_it(trial, settle, cloud, server, engine, requester):
    engine.call(end_trial, trial.public_id, actor=requester)
    settle()

    assert trial.state == OperationState.SUCCEEDED
    assert in_cloud(cloud, server) == ("ACTIVE", "gp.medium")
    assert metered(server) == {"server.gp.medium"}
    assert needed_quota(server.cloud_project)["vcpus"] == 4
    assert trial.order_line.order.state == OrderState.COMPLETED
    assert AuditEntry.objects.get(event="operation.trial_ended").actor_id == requester.pk


def test_who_does_not_has_it_put_back(trial, settle, cloud, server, engine, requester):
    engine.call(cancel_operation, trial.public_id, actor=requester)
    settle()

    assert trial.state == OperationState.CANCELED
    assert trial.order_line.order.state == OrderState.CANCELED
    assert in_cloud(cloud, server) == ("ACTIVE", "gp.small")
    assert (server.spec["flavor"], metered(server)) == ("gp.small", {"server.gp.small"})
    assert needed_quota(server.cloud_project)["vcpus"] == 2


def test_after_a_day_it_stays_by_itself(trial, settle, cloud, server, engine):
    trial.steps.filter(name="trial").update(started_at=trial.started_at - timedelta(hours=24))

    engine.sweep()
    settle()

    assert trial.state == OperationState.SUCCEEDED
    assert in_cloud(cloud, server) == ("ACTIVE", "gp.medium")


def test_it_is_confirmed_once(trial, settle, engine, requester):
    engine.call(end_trial, trial.public_id, actor=requester)

    with pytest.raises(NotOnTrial):
        end_trial(trial.public_id, actor=requester)


def test_what_is_being_put_back_is_not_kept(trial, engine, requester):
    engine.call(cancel_operation, trial.public_id, actor=requester)

    with pytest.raises(NotOnTrial):
        end_trial(trial.public_id, actor=requester)


def test_step_that_a_worker_holds_is_left_to_it(trial, requester):
    trial.steps.filter(name="trial").update(
        state=StepState.RUNNING, leased_until=trial.started_at + timedelta(hours=1)
    )

    with pytest.raises(NotOnTrial):
        end_trial(trial.public_id, actor=requester)


def test_change_of_the_disk_alone_is_not_on_trial(change, server):
    operation = change(server, volume_gib=80)

    assert operation.state == OperationState.SUCCEEDED
    assert not operation.steps.filter(name="trial").exists()


class TestPage:
    def test_asks_the_question_with_both_answers(self, client, trial, server, requester):
        page = log_in(client, requester).get(url(server)).content.decode()

        assert "Werkt de server goed met zijn andere grootte?" in page
        assert reverse("catalog:operation-keep", args=[trial.public_id]) in page
        assert reverse("catalog:operation-cancel", args=[trial.public_id]) in page

    def test_keeps_it(self, client, trial, server, requester):
        answer = log_in(client, requester).post(
            reverse("catalog:operation-keep", args=[trial.public_id])
        )

        assert (answer.status_code, answer["Location"]) == (302, url(server))
        assert "Werkt de server goed" not in client.get(url(server)).content.decode()

    def test_who_only_looks_is_not_asked(self, client, trial, server, project):
        auditor = PersonFactory()
        grant(auditor, Role.AUDITOR, project)
        log_in(client, auditor)
        keep = reverse("catalog:operation-keep", args=[trial.public_id])

        assert keep not in client.get(url(server)).content.decode()
        assert client.post(keep).status_code == 403


class TestApi:
    def test_confirms_once(self, client, trial, requester):
        address = reverse("api:operation-confirmation", args=[trial.public_id])
        log_in(client, requester)

        first, second = (client.post(address, content_type="application/json") for _ in "ab")

        assert (first.status_code, first.json()["kind"]) == (202, "change")
        assert (second.status_code, second.json()["code"]) == (409, "not_on_trial")


def url(server: Resource) -> str:
    return reverse("catalog:resource", args=[server.public_id])
