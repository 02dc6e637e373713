"""Hints for saving: what they tell of, since when, and that they cost what an order shows."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from django.utils.translation import override

from catalog.kinds import get_kind
from catalog.models import (
    Difference,
    DifferenceKind,
    DifferenceState,
    Offering,
    Operation,
    OperationState,
    Resource,
    ResourceState,
)
from catalog.services.attachments import let_go_of
from catalog.services.preview import quote_of
from catalog.services.resources import act_on_resource
from catalog.services.saving_hints import find_hints, idle_resources
from portal.cloud.ports import Listing
from portal.core.calendar import month_of
from portal.identity.models import Role
from tests.billing.visits import visit_as
from tests.factories import (
    UNKNOWN_ID,
    OfferingVersionFactory,
    PersonFactory,
    delivered,
    generous_limits,
    grant,
    make_project,
    place,
)
from tests.factories.billing import metered_since, set_price
from tests.factories.catalog import end_price

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(requester, approver, project, version, sent_tasks):
    return runs_for(delivered(place(requester, project, version, name="zaak"), approver=approver))


@pytest.fixture
def volume(requester, approver, project, disk, sent_tasks):
    order = place(requester, project, disk, name="schijf", spec={"volume_gib": 10})
    return runs_for(delivered(order, approver=approver))


def runs_for(resource: Resource, *, days: int = 100, **facts: Any) -> Resource:
    """It has run for so long, and has these facts."""
    began = now() - timedelta(days=days)
    Resource.objects.filter(pk=resource.pk).update(activated_at=began, created_at=began)
    return knows(resource, **facts)


def knows(resource: Resource, **facts: Any) -> Resource:
    resource.facts = {**resource.facts, **facts}
    resource.save(update_fields=["facts"])
    return resource


def did(resource: Resource, actor: Any, action: str, *, days_ago: int, **answers: Any) -> None:
    """A person had it done so long ago."""
    act_on_resource(resource.public_id, action=action, actor=actor, answers=answers)
    Operation.objects.filter(resource=resource, state=OperationState.RUNNING).update(
        state=OperationState.SUCCEEDED, finished_at=now() - timedelta(days=days_ago)
    )


def looked(
    resource: Resource, *, theirs: str, days_ago: int, until_days_ago: int, field: str = "status"
) -> None:
    """Looks at the cloud saw it other than we knew it, from one day until another."""
    Difference.objects.create(
        cloud=resource.cloud_project.cloud,
        project=resource.project,
        resource=resource,
        kind=DifferenceKind.DIFFERS,
        listing=Listing.SERVERS,
        part="server",
        field=field,
        theirs=theirs,
        state=DifferenceState.SOLVED,
        first_seen_at=now() - timedelta(days=days_ago),
        last_seen_at=now() - timedelta(days=until_days_ago),
        solved_at=now() - timedelta(days=until_days_ago),
    )


def test_what_is_due_in_a_minimum_term_is_not_saved(
    requester, approver, project, disk, sent_tasks
) -> None:
    ministry = project.parent.organization
    term = {"unit": "gib_month", "minimum_months": 6}
    set_price("0.1", sku="volume.standard", organization=ministry, **term)
    order = place(requester, project, disk, name="schijf", spec={"volume_gib": 10})
    runs_for(delivered(order, approver=approver))

    ((_label, monthly),) = hints().values()

    assert monthly == 0


def hints() -> dict[str, tuple[str, Decimal | None]]:
    found = find_hints(Resource.objects.all(), at=now())
    with override("en"):
        return {hint.resource.name: (hint.gist, hint.monthly) for hint in found.values()}


class TestStopped:
    def test_tells_since_when_it_stands_still_and_what_the_order_showed(
        self, server, requester, version, project
    ):
        did(server, requester, "stop", days_ago=12)
        knows(server, status="SHUTOFF")

        monthly = quote_of(version, server.spec, project).monthly
        assert hints() == {"zaak": ("Stopped for 12 days", monthly)}
        assert monthly == server.order_line.monthly_price == Decimal("41.80")

    def test_what_runs_is_no_matter_of_saving(self, server, requester):
        did(server, requester, "stop", days_ago=12)
        knows(server, status="ACTIVE")

        assert hints() == {}

    @pytest.mark.parametrize(("days", "is_told"), [(6, False), (7, True)])
    def test_nobody_is_told_in_the_first_week(self, server, requester, days, is_told):
        did(server, requester, "stop", days_ago=days)
        knows(server, status="SHUTOFF")

        assert bool(hints()) is is_told

    def test_the_last_time_that_it_stopped_counts(self, server, requester):
        did(server, requester, "stop", days_ago=50)
        knows(server, status="SHUTOFF")
        did(server, requester, "start", days_ago=40)
        knows(server, status="ACTIVE")
        did(server, requester, "stop", days_ago=3)
        knows(server, status="SHUTOFF")

        assert hints() == {}

    def test_what_was_stopped_in_the_cloud_itself_is_so_since_that_was_seen(
        self, server, requester
    ):
        did(server, requester, "stop", days_ago=50)
        knows(server, status="SHUTOFF")
        did(server, requester, "start", days_ago=40)
        knows(server, status="SHUTOFF")  # as somebody took over from the cloud
        looked(server, theirs="SHUTOFF", days_ago=9, until_days_ago=8)

        assert [gist for gist, _monthly in hints().values()] == ["Stopped for 9 days"]

    @pytest.mark.parametrize(("days", "is_told"), [(6, False), (7, True)])
    def test_what_was_seen_running_in_the_cloud_stands_still_since_then(
        self, server, requester, days, is_told
    ):
        did(server, requester, "stop", days_ago=50)
        knows(server, status="SHUTOFF")
        looked(server, theirs="ACTIVE", days_ago=20, until_days_ago=days)

        assert bool(hints()) is is_told

    def test_that_something_else_differed_does_not_matter(self, server, requester):
        did(server, requester, "stop", days_ago=50)
        knows(server, status="SHUTOFF")
        looked(server, theirs="large", days_ago=20, until_days_ago=1, field="flavor")

        assert [gist for gist, _monthly in hints().values()] == ["Stopped for 50 days"]

    @pytest.mark.parametrize("state", [ResourceState.RETIRING, ResourceState.FAILED])
    def test_what_does_not_run_is_not_told_of(self, server, state):
        knows(server, status="SHUTOFF")
        Resource.objects.filter(pk=server.pk).update(state=state)

        assert hints() == {}

    def test_without_a_price_there_is_no_amount(self, server):
        knows(server, status="SHUTOFF")
        end_price("server.gp.small")

        assert hints() == {"zaak": ("Stopped for 100 days", None)}


class TestUnattached:
    def test_tells_of_a_disk_that_was_never_attached(self, volume):
        assert hints() == {"schijf": ("Attached to nothing for 100 days", Decimal("0.85"))}

    @pytest.mark.parametrize("fact", ["attached_to", "attached_before"])
    def test_not_of_one_that_is_attached_or_will_be_again(self, volume, server, fact):
        knows(volume, **{fact: str(server.public_id)})

        assert hints() == {}

    def test_counts_from_when_it_was_taken_off(self, volume, requester):
        knows(volume, attached_to=UNKNOWN_ID)
        did(volume, requester, "detach", days_ago=9)
        knows(volume, attached_to=None, attached_before=None)

        assert hints()["schijf"][0] == "Attached to nothing for 9 days"

    def test_counts_from_when_what_it_was_attached_to_went(self, volume, server):
        knows(volume, attached_to=str(server.public_id))
        with transaction.atomic():
            let_go_of(server)
        assert hints() == {}

        volume.refresh_from_db()
        knows(volume, left_alone_at=(now() - timedelta(days=8)).isoformat())
        assert hints()["schijf"][0] == "Attached to nothing for 8 days"

    def test_an_address_is_told_of_alike(self):
        assert get_kind("floating_ip").idle_when is get_kind("volume").idle_when


@pytest.mark.parametrize(("days", "is_told"), [(89, False), (90, True)])
def test_a_snapshot_is_told_of_after_ninety_days(
    requester, approver, project, version, volume, days, is_told, sent_tasks
):
    set_price("0.05", sku="snapshot")
    offering = Offering.objects.create(code="snapshot", kind="volume_snapshot", position=3)
    snapshots = OfferingVersionFactory(offering=offering, choices={})
    spec = {"volume": str(volume.public_id)}
    order = place(requester, project, snapshots, name="momentopname", spec=spec)
    runs_for(delivered(order, approver=approver), days=days)

    assert ("momentopname" in hints()) is is_told


class TestPrices:
    def test_each_project_has_the_prices_of_its_own_organization(
        self, server, requester, approver, version, project
    ):
        knows(server, status="SHUTOFF")
        set_price("10", organization=project.parent)

        quoted = quote_of(version, server.spec, project).monthly
        assert hints()["zaak"][1] == quoted == Decimal("13.40")

    def test_number_of_queries_does_not_depend_on_the_number_of_projects(
        self, server, requester, approver, version
    ):
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                find_hints(Resource.objects.all(), at=now())
            return len(captured)

        knows(server, status="SHUTOFF")
        few = queries()
        for _ in range(3):
            elsewhere = make_project()
            generous_limits(elsewhere)
            grant(requester, Role.REQUESTER, elsewhere)
            grant(approver, Role.APPROVER, elsewhere)
            order = place(requester, elsewhere, version, name="elders")
            knows(runs_for(delivered(order, approver=approver)), status="SHUTOFF")

        assert idle_resources(Resource.objects.all(), at=now()).count() == 4
        assert queries() == few == 4


class TestPages:
    def page(self, person: Any, path: str) -> str:
        response = visit_as(person).get(path)
        assert response.status_code == 200
        text = re.sub(r"<[^>]+>", " ", response.content.decode())
        return " ".join(unescape(text).replace("\N{NO-BREAK SPACE}", " ").split())

    def test_list_page_and_first_page_tell_of_it(self, server, volume, requester, project):
        metered_since(server.public_id, month_of(now()).start)
        knows(server, status="SHUTOFF")
        knows(volume, attached_to=str(server.public_id))

        gist = "Stopped for 100 days"
        assert f"{gist}, €41.80 per month" in self.page(requester, "/costs/resources")
        only = self.page(requester, "/costs/resources?show=idle")
        assert gist in only
        assert "schijf" not in only
        page = self.page(requester, f"/resources/{server.public_id}")
        assert "It costs €41.80 per month, also when nobody uses it. Clean it up" in page
        assert "You may save on 1 resource" in self.page(requester, "/")

    def test_who_only_reads_is_not_asked_to_clean_up(self, server, project):
        knows(server, status="SHUTOFF")
        auditor = PersonFactory()
        grant(auditor, Role.AUDITOR, project)

        assert "Clean it up if" not in self.page(auditor, f"/resources/{server.public_id}")
        assert "You may save" not in self.page(auditor, "/")

    def test_another_tenant_hears_nothing(self, server):
        knows(server, status="SHUTOFF")
        stranger = PersonFactory()
        grant(stranger, Role.REQUESTER, make_project())

        assert "You may save" not in self.page(stranger, "/")
        assert "zaak" not in self.page(stranger, "/costs/resources?show=idle")


def test_nothing_is_idle_where_nothing_is(db):
    assert not idle_resources(Resource.objects.all(), at=now()).exists()
