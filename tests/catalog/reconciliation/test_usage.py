"""What was metered beside what the cloud counts, as a look writes it down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils.translation import override

from billing.models import MeteredResource
from billing.services.cost_lines import Costs
from catalog.models import CloudLook, Step, UsageCheck, UsageMeasure
from catalog.reconciliation import usage
from catalog.reconciliation.usage import MOST_CAUSES, check_usage
from catalog.services.closing_checks import check_metering
from portal.cloud.fake import FakeCloud
from portal.cloud.models import Cloud, CloudProject, CloudProjectPurpose
from portal.cloud.ports import CloudUnavailable, ServerUsage, UsagePage
from portal.core.calendar import day_of, month
from portal.identity.models import Project
from tests.catalog.reconciliation.conftest import thing_of
from tests.factories import CloudFactory, delivered
from tests.factories import place as order
from tests.factories.billing import (
    MeteredResourceFactory,
    SkuFactory,
    UsageSpanFactory,
    metered_since,
)

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 5, 20, 10, tzinfo=UTC)
MAY = month(2026, 5)
HOUR = timedelta(hours=1)


@pytest.fixture
def place(cloud: FakeCloud, project: Project) -> CloudProject:
    return CloudProject.objects.create(
        project=project, cloud=CloudFactory(), openstack_project_id="ks-1"
    )


@pytest.fixture
def check(place: CloudProject, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Has the next comparison done at a moment, and returns what it wrote of servers in a month."""
    CloudLook.objects.create(cloud=place.cloud, due_at=NOON)

    def check_at(moment: datetime = NOON, of: datetime = NOON) -> UsageCheck | None:
        monkeypatch.setattr(usage, "now", lambda: moment)
        CloudLook.objects.update(usage_due_at=moment)
        check_usage(place.cloud)
        return UsageCheck.objects.filter(
            measure=UsageMeasure.SERVER_HOURS, month=day_of(month(of.year, of.month).start)
        ).first()

    return check_at


@pytest.fixture
def metered(place: CloudProject) -> Any:
    """A server that we meter since a moment."""
    sku = SkuFactory()

    def meter(openstack_id: str, since: datetime, until: datetime | None = None) -> Any:
        resource = MeteredResourceFactory(
            project=place.project, cloud=place.cloud, kind="server", openstack_id=openstack_id
        )
        UsageSpanFactory(resource=resource, sku=sku, started_at=since, ended_at=until)
        return resource

    return meter


def serving(cloud: FakeCloud, since: datetime, project: str = "ks-1") -> str:
    """A server in the cloud; returns its id."""
    thing = cloud.add(
        "server", project, "web", "", launched_at=since.isoformat(), volume_ids=[], size_gib=0
    )
    return thing.id


def told_usage(known: str, since: datetime, until: datetime | None) -> ServerUsage:
    seconds = round(((until or NOON) - since).total_seconds())
    return ServerUsage(
        id=known, name="web", project="ks-1", started_at=since, ended_at=until, seconds=seconds
    )


def why(check: UsageCheck) -> dict[str, str]:
    return {cause["cause"]: cause["difference"] for cause in check.causes}


def test_of_what_is_the_same_both_figures_are_kept(check, cloud, metered):
    since = NOON - 30 * HOUR
    metered(serving(cloud, since), since)

    row = check()

    assert (row.metered, row.told, row.causes, row.causes_in_all) == (30, 30, [], 0)
    assert row.looked_at == NOON


def test_each_server_of_the_project_counts(check, cloud, metered):
    metered(serving(cloud, NOON - 10 * HOUR), NOON - 8 * HOUR)
    metered("gone", NOON - 5 * HOUR, NOON - 2 * HOUR)
    serving(cloud, NOON - 4 * HOUR)

    row = check()

    assert (row.metered, row.told) == (11, 14)
    assert why(row) == {"unknown": "-4.000000", "absent": "3.000000", "begins": "-2.000000"}
    assert [cause["cause"] for cause in row.causes] == ["unknown", "absent", "begins"]


def test_a_server_that_a_repair_made_anew_is_one(
    check, cloud, requester, approver, project, version, monkeypatch
):
    """Nova tells of both; the first is known by the step that made it."""
    resource = delivered(order(requester, project, version), approver=approver)
    metered_since(resource.public_id, NOON - 10 * HOUR)
    CloudProject.objects.update(openstack_project_id="ks-1")
    Step.objects.filter(operation__resource=resource, position=1).update(external_id="old-1")
    MeteredResource.objects.update(openstack_id="new-1")
    told = [
        told_usage("old-1", NOON - 10 * HOUR, NOON - 5 * HOUR),
        told_usage("new-1", NOON - 4 * HOUR, None),
    ]
    monkeypatch.setattr(cloud, "server_usage_page", lambda *a, **k: UsagePage(usages=told))

    row = check()

    assert (row.metered, row.told, why(row)) == (10, 9, {"paused": "1.000000"})


def test_what_is_not_in_a_project_of_ours_is_left_out(check, cloud, metered, place, project):
    serving(cloud, NOON - HOUR, project="octavia")
    CloudProject.objects.create(
        project=project,
        cloud=place.cloud,
        purpose=CloudProjectPurpose.ENVIRONMENT,
        openstack_project_id="ks-self-service",
    )
    serving(cloud, NOON - HOUR, project="ks-self-service")

    assert check() is None


def test_a_month_is_asked_for_until_three_days_after_its_end(check, cloud, metered):
    since = MAY.start - 100 * HOUR
    metered(serving(cloud, since), since)

    whole = check(MAY.end + timedelta(days=2))
    assert whole.metered == whole.told == MAY.seconds // 3600
    june = UsageCheck.objects.get(measure=UsageMeasure.SERVER_HOURS, month__month=6)
    assert june.metered == june.told == 48
    cloud.things.clear()
    assert check(MAY.end + timedelta(days=4)) == whole
    assert UsageCheck.objects.get(pk=june.pk).told == 0


def test_what_is_no_more_there_on_either_side_has_no_row(check, cloud, metered):
    serving(cloud, NOON - HOUR)
    assert check().causes_in_all == 1
    cloud.things.clear()

    assert check(NOON + HOUR) is None


def test_once_a_day(check, cloud, place):
    check()
    asked = dict(cloud.calls)

    check_usage(place.cloud)

    assert dict(cloud.calls) == asked


def test_what_was_found_stays_when_the_cloud_does_not_answer(check, cloud, metered):
    serving(cloud, NOON - HOUR)
    before = check()
    cloud.fail_next("server_usage_page", CloudUnavailable("down"))

    assert check(NOON + HOUR) == before


def test_questions_do_not_grow_with_servers_and_a_row_keeps_the_largest_causes(
    check, cloud, metered, django_assert_max_num_queries
):
    for number in range(MOST_CAUSES + 5):
        serving(cloud, NOON - (number + 1) * HOUR)
        metered(f"gone-{number}", NOON - HOUR)

    with django_assert_max_num_queries(18):
        row = check()

    assert row.causes_in_all == 2 * (MOST_CAUSES + 5)
    assert len(row.causes) == MOST_CAUSES
    assert row.causes[0]["difference"] == f"-{MOST_CAUSES + 5}.000000"


def test_a_disk_that_somebody_enlarged_in_the_cloud(running, look, cloud):
    """The engine delivered a server with a disk of 40 GiB."""
    look()
    check_usage(Cloud.objects.get())
    (equal,) = UsageCheck.objects.filter(measure=UsageMeasure.VOLUME_GIB)
    assert (equal.metered, equal.told, equal.causes) == (40, 40, [])
    thing_of(cloud, "volume").details["size_gib"] = 50

    CloudLook.objects.update(usage_due_at=None)
    check_usage(Cloud.objects.get())

    (row,) = UsageCheck.objects.filter(measure=UsageMeasure.VOLUME_GIB)
    (cause,) = row.causes
    assert (row.metered, row.told, cause["cause"]) == (40, 50, "size")
    assert cause["resource"] == str(running.public_id)


def test_finance_hears_of_it_before_the_month_is_closed(check, cloud):
    serving(cloud, NOON - HOUR)
    check()

    with override("en"):
        (finding,) = check_metering(MAY, Costs(lines=()))
    assert finding.text == "Of 1 project the cloud counts other use than was metered."
    assert finding.url == reverse("catalog:usage-checks") + "?month=2026-05&show=different"
    assert not finding.is_blocking
    assert list(check_metering(month(2026, 4), Costs(lines=()))) == []
