"""Of a server that the cloud counts as never busy people hear which size is enough."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from functools import partial
from html import unescape
from typing import Any

import pytest
from django.urls import reverse
from django.utils.timezone import localdate, now
from django.utils.translation import override

from catalog.models import CloudLook, LoadDay, Resource, ResourceLoad, ResourceState
from catalog.services import resource_loads
from catalog.services.changes import clean_change, preview_change
from catalog.services.resource_loads import AWAY_AFTER, MOST_AT_ONCE, forget_loads, take_loads
from catalog.services.saving_hints import find_hints, hinted_resources
from catalog.services.size_advice import HOLDS_FOR, judge_size
from catalog.tasks import take_loads as task
from portal.cloud.ports import CloudRefused, CloudUnavailable, ServerLoad
from portal.core.calendar import day_of, whole_second
from portal.identity.models import Role
from tests.billing.visits import visit_as
from tests.factories import OfferingVersionFactory, PersonFactory, grant, make_project
from tests.factories.billing import metered_since, set_price
from tests.factories.catalog import SPEC, end_price, reoffered, withdrawn
from tests.races import at_once

pytestmark = pytest.mark.django_db(transaction=True)

HOUR_MS = 3_600_000
MEDIUM = {**SPEC, "flavor": "gp.medium"}
CHEAPER = Decimal("38.40")
BEGIN = whole_second(now())


@pytest.fixture
def server(run: Any, version: Any) -> Resource:
    """Four processors and 8 GiB."""
    return run(version, name="zaken", spec=MEDIUM)


@pytest.fixture
def tell(cloud: Any) -> Any:
    """From now on the cloud tells this of a server."""

    def plan(server: Resource, **facts: Any) -> None:
        defaults = {"processors": 4, "cpu_milliseconds": 0, "uptime_seconds": None}
        load = ServerLoad(**{**defaults, "memory_share": None, **facts})
        cloud.work_on(server.cloud_ids["server"], load)

    return plan


def hours(number: float) -> Any:
    return BEGIN + timedelta(hours=number)


def days_of(server: Resource) -> list[LoadDay]:
    return list(LoadDay.objects.filter(resource=server).order_by("day"))


def was_used(
    server: Resource,
    processors: str = "0.07",
    memory: str | None = "0.3",
    *,
    days: int = 21,
    samples: int = 24,
) -> None:
    """For so many days the cloud told this, and since today it is judged."""
    LoadDay.objects.filter(resource=server).delete()
    for ago in range(days):
        LoadDay.objects.create(
            resource=server,
            day=localdate() - timedelta(days=ago),
            samples=samples,
            worked=1,
            possible=100,
            processors_used=Decimal(processors),
            memory_samples=samples if memory else 0,
            memory_used=Decimal(memory) if memory else None,
        )
    load, _is_new = ResourceLoad.objects.get_or_create(resource=server)
    load.present = {"flavor": server.spec["flavor"]}
    load.save(update_fields=["present"])
    judge_size(load.pk, on=localdate())


def hints() -> dict[str, tuple[str, Decimal]]:
    with override("en"):
        found = find_hints(Resource.objects.all(), at=now())
        assert set(hinted_resources(Resource.objects.all(), at=now())) == {
            hint.resource for hint in found.values()
        }
        return {hint.resource.name: (hint.size, hint.monthly) for hint in found.values()}


class TestAsking:
    def test_each_server_is_asked_about_once_an_hour(self, server, cloud, tell):
        tell(server)
        assert [take_loads(at=hours(each)) for each in (0, 0.5, 1)] == [0, 0, 1]
        assert cloud.calls["server_load"] == 2

    def test_a_day_adds_up_and_keeps_what_was_most(self, server, tell):
        start = hours(0).replace(hour=10)
        for hour, counted, memory in [(0, 0, "0.2"), (1, 1, "0.5"), (2, 1.4, "0.1")]:
            share = Decimal(memory)
            tell(server, cpu_milliseconds=int(counted * HOUR_MS), memory_share=share)
            take_loads(at=start + timedelta(hours=hour))

        (day,) = days_of(server)
        assert day.day == day_of(start)
        assert (day.samples, day.worked, day.possible) == (2, 1.4 * HOUR_MS, 8 * HOUR_MS)
        assert (day.processors_used, day.memory_used) == (Decimal("0.25"), Decimal("0.5"))
        assert day.memory_samples == 2

    def test_a_restart_counts_from_there(self, server, tell):
        for hour, counted in [(0, 5), (1, 1), (2, 2)]:
            tell(server, cpu_milliseconds=counted * HOUR_MS)
            take_loads(at=hours(hour))

        assert sum(day.worked for day in days_of(server)) == HOUR_MS
        assert sum(day.samples for day in days_of(server)) == 1

    @pytest.mark.parametrize("told", [None, -1])
    def test_hypervisor_that_does_not_count_gives_no_sample(self, server, tell, told):
        tell(server, cpu_milliseconds=0)
        take_loads(at=hours(0))
        tell(server, cpu_milliseconds=told)

        assert [take_loads(at=hours(each)) for each in (1, 2)] == [0, 0]
        assert days_of(server) == []

    def test_one_that_does_not_run_or_is_gone_keeps_nobody_from_others(
        self, server, run, version, cloud, tell
    ):
        second, third = (run(version, name=name, spec=MEDIUM) for name in ("b", "c"))
        for one in (server, second, third):
            tell(one)
        take_loads(at=hours(0))
        cloud.things[server.cloud_ids["server"]].status = "SHUTOFF"
        cloud.things.pop(second.cloud_ids["server"])

        assert take_loads(at=hours(1)) == 1
        assert [bool(days_of(one)) for one in (server, second, third)] == [False, False, True]

    def test_hypervisor_that_cannot_tell_keeps_nobody_from_others(
        self, server, run, version, cloud, tell
    ):
        run(version, name="b", spec=MEDIUM)
        take_loads(at=hours(0))
        cloud.fail_next("server_load", CloudUnavailable("not implemented", status=501))

        assert take_loads(at=hours(1)) == 1

    def test_cloud_that_is_away_is_left_alone_and_the_next_round_begins_with_others(
        self, server, run, version, cloud
    ):
        for name in ("b", "c", "d"):
            run(version, name=name, spec=MEDIUM)
        for _each in range(AWAY_AFTER):
            cloud.fail_next("server_load", CloudUnavailable("down"))

        take_loads(at=hours(0))

        assert cloud.calls["server_load"] == 3
        take_loads(at=hours(0.1))
        assert cloud.calls["server_load"] == 4  # of the one that is left

    @pytest.mark.parametrize("between", [None, CloudUnavailable("it is stopped", status=409)])
    def test_a_compute_host_that_is_away_keeps_nobody_from_others(
        self, server, run, version, cloud, monkeypatch, between
    ):
        """Four of five servers stand on it: never three in a row that nobody answers for."""
        others = [run(version, name=name, spec=MEDIUM) for name in ("b", "c", "d", "e")]
        away = CloudUnavailable("the host does not answer", status=500)
        answers = iter([away, away, between, away, away])
        told = ServerLoad(processors=4, cpu_milliseconds=0, uptime_seconds=None, memory_share=None)

        def tells(server_id: str) -> ServerLoad:
            asked.append(server_id)
            if error := next(answers):
                raise error
            return told

        asked: list[str] = []
        monkeypatch.setattr(cloud, "server_load", tells)
        take_loads(at=hours(0))

        assert sorted(asked) == sorted(one.cloud_ids["server"] for one in [server, *others])

    def test_policy_that_forbids_it_is_told_once_and_asked_again_after_a_day(
        self, server, cloud, caplog
    ):
        refusal = CloudRefused("policy does not allow it", status=403)
        for hour in (0, 25):
            cloud.fail_next("server_load", refusal)
            take_loads(at=hours(hour))
            take_loads(at=hours(hour + 1))

        assert cloud.calls["server_load"] == 2
        assert [text for text in caplog.messages if "does not let us" in text] != []
        assert len([text for text in caplog.messages if "does not let us" in text]) == 1
        assert CloudLook.objects.get().loads_refused_at == hours(0)
        take_loads(at=hours(50))
        assert CloudLook.objects.get().loads_refused_at is None

    def test_operators_see_on_the_page_of_drift_that_it_is_forbidden(self, server, cloud, project):
        operator = PersonFactory()
        grant(operator, Role.OPERATOR, project.parent)
        cloud.fail_next("server_load", CloudRefused("policy", status=403))
        assert "how busy servers are" not in page(operator, reverse("catalog:drift"))

        take_loads(at=hours(0))
        CloudLook.objects.update(ended_at=now())

        assert "A cloud does not let us read how busy servers are" in page(
            operator, reverse("catalog:drift")
        )

    @pytest.mark.parametrize(
        ("name", "value"), [("SERVER_LOADS", False), ("CLOUDS", ["elsewhere"])]
    )
    def test_who_is_not_asked_any_more_forbids_nothing(
        self, server, cloud, project, settings, name, value
    ):
        operator = PersonFactory()
        grant(operator, Role.OPERATOR, project.parent)
        cloud.fail_next("server_load", CloudRefused("policy", status=403))
        take_loads(at=hours(0))
        CloudLook.objects.update(ended_at=now())
        assert "how busy servers are" in page(operator, reverse("catalog:drift"))

        setattr(settings, name, value)

        assert "how busy servers are" not in page(operator, reverse("catalog:drift"))

    def test_switched_off_nobody_is_asked(self, server, cloud, settings):
        settings.SERVER_LOADS = False

        task()

        assert cloud.calls["server_load"] == 0

    def test_a_round_asks_no_more_than_so_many(self, server, run, version, cloud, monkeypatch):
        run(version, name="b", spec=MEDIUM)
        monkeypatch.setattr(resource_loads, "MOST_AT_ONCE", 1)

        take_loads(at=hours(0))
        assert cloud.calls["server_load"] == 1
        take_loads(at=hours(0.1))
        assert cloud.calls["server_load"] == 2
        assert MOST_AT_ONCE == 500

    def test_two_rounds_at_once_count_once(self, server, tell):
        tell(server)
        take_loads(at=hours(0))
        tell(server, cpu_milliseconds=HOUR_MS)

        assert at_once(*[partial(take_loads, at=hours(1))] * 2) == ["done", "done"]

        assert [(day.samples, day.worked) for day in days_of(server)] == [(1, HOUR_MS)]

    def test_what_is_old_or_gone_is_forgotten(self, server):
        was_used(server, days=40)

        forget_loads(localdate())
        assert len(days_of(server)) == 35

        Resource.objects.update(state=ResourceState.RETIRING)
        forget_loads(localdate())
        assert days_of(server) == []
        assert not ResourceLoad.objects.exists()


class TestJudging:
    def test_tells_the_size_that_is_enough_and_saves_what_the_page_of_the_change_shows(
        self, server
    ):
        was_used(server)

        shown = preview_change(server, clean_change(server, {"flavor": "gp.small"}, None))
        assert hints() == {"zaken": ("gp.small", -shown.monthly_difference)}
        assert -shown.monthly_difference == CHEAPER

    @pytest.mark.parametrize(
        "used",
        [
            {"days": 13},
            {"processors": "0.2"},
            {"memory": "0.4"},
            {"memory": "0.35"},  # half as much again does not fit in 4 GiB
            {"memory": None},  # the smaller size has less, and nobody knows whether it is enough
            {"samples": 5},
        ],
    )
    def test_nobody_guesses(self, server, used):
        was_used(server, **used)

        assert hints() == {}

    def test_without_figures_of_memory_it_keeps_as_much(self, server, version):
        version.cloud.flavors.filter(name="gp.small").update(memory_mib=8192)
        was_used(server, memory=None)

        assert hints()["zaken"][0] == "gp.small"

    def test_one_day_without_figures_of_memory_is_enough_to_know_nothing(self, server):
        was_used(server)
        LoadDay.objects.filter(day=localdate()).update(memory_samples=1)
        judge_size(server.load.pk, on=localdate())

        assert hints() == {}

    def test_no_smaller_size_is_no_hint(self, run, version):
        was_used(run(version, name="klein"))

        assert hints() == {}

    def test_a_smaller_size_that_is_not_cheaper_is_no_hint(self, server, project):
        ministry = project.parent.organization
        set_price("38.40", sku="server.gp.medium", organization=ministry)
        was_used(server)

        assert hints() == {}

    def test_a_size_without_a_price_is_no_hint(self, server):
        end_price("server.gp.small")
        was_used(server)

        assert hints() == {}

    def test_a_size_that_is_not_offered_is_not_told(self, server, version):
        version.cloud.flavors.create(
            name="gp.lean", vcpus=2, memory_mib=6144, disk_gib=20, openstack_id="flavor-3"
        )
        set_price("30.00", sku="server.gp.lean")
        was_used(server)

        assert hints()["zaken"][0] == "gp.small"

    def test_of_two_the_cheapest_is_told(self, server, version):
        version.cloud.flavors.create(
            name="gp.lean", vcpus=2, memory_mib=6144, disk_gib=20, openstack_id="flavor-3"
        )
        set_price("30.00", sku="server.gp.lean")
        choices = {**version.choices, "flavors": ["gp.small", "gp.lean", "gp.medium"]}
        withdrawn(version)
        OfferingVersionFactory(choices=choices)
        was_used(server)

        assert hints()["zaken"] == ("gp.lean", Decimal("46.80"))

    def test_a_fee_in_a_minimum_term_is_no_reason_to_keep_the_size(self, run, version):
        set_price("5.00", sku="fee.care", minimum_months=12)
        managed = reoffered(version, fees=["fee.care"])
        server = run(managed, name="zaken", spec=MEDIUM)

        was_used(server)

        assert hints() == {"zaken": ("gp.small", CHEAPER)}

    def test_in_a_minimum_term_nothing_is_saved(self, run, version, project):
        end_price("server.gp.medium")
        set_price(
            "76.80",
            sku="server.gp.medium",
            organization=project.parent.organization,
            minimum_months=6,
        )
        was_used(run(version, name="lang", spec=MEDIUM))

        assert hints() == {}

    def test_what_changed_since_is_not_told_of(self, server):
        was_used(server)
        Resource.objects.update(spec=SPEC)

        assert hints() == {}

    def test_what_was_counted_of_another_size_is_forgotten(self, server, tell):
        was_used(server)
        tell(server)
        take_loads(at=hours(0))
        Resource.objects.update(spec={**SPEC, "flavor": "gp.small"})

        take_loads(at=hours(1))

        assert days_of(server) == []
        server.load.refresh_from_db()
        assert server.load.less == {}

    def test_a_cloud_that_resized_it_by_itself_too(self, server, tell):
        was_used(server)
        tell(server)
        take_loads(at=hours(0))
        tell(server, processors=8)

        take_loads(at=hours(1))

        assert days_of(server) == []

    def test_once_it_is_busy_nobody_is_told_any_more(self, server, tell):
        was_used(server)
        tell(server)
        take_loads(at=hours(0))
        assert hints() != {}
        tell(server, cpu_milliseconds=HOUR_MS)

        take_loads(at=hours(1))

        assert hints() == {}

    @pytest.mark.parametrize(
        ("counted", "memory", "left"),
        [
            ("0.4", "0.2", True),  # more than 7 % of four processors, which the smaller one has
            ("0.1", "0.31", True),
            ("0.1", "0.35", False),  # half as much again does not fit in 4 GiB
            ("0.1", None, False),  # nobody knows any more whether the memory is enough
            ("0.1", "0.4", False),
        ],
    )
    def test_a_sample_that_disproves_a_hint_is_judged_at_once(
        self, server, tell, counted, memory, left
    ):
        was_used(server)
        tell(server)
        take_loads(at=hours(0))
        share = Decimal(memory) if memory else None
        tell(server, cpu_milliseconds=int(Decimal(counted) * HOUR_MS), memory_share=share)

        take_loads(at=hours(1))

        assert bool(hints()) is left
        load = ResourceLoad.objects.get()
        assert load.judged_on is not None
        assert load.processors_used == max(Decimal("0.07"), Decimal(counted) / 4)
        assert load.memory_used == (max(Decimal("0.3"), share) if share else None)

    def test_a_smaller_size_that_became_too_small_today_is_not_told(self, server, version, tell):
        """One processor is enough for 7 % of four, and not for 19 %."""
        version.cloud.flavors.filter(name="gp.small").update(vcpus=1)
        was_used(server)
        tell(server)
        take_loads(at=hours(0))
        assert hints() != {}
        tell(server, cpu_milliseconds=int(Decimal("0.76") * HOUR_MS), memory_share=Decimal("0.2"))

        take_loads(at=hours(1))

        assert hints() == {}

    def test_a_sample_that_says_no_more_is_not_judged_again(self, server, tell):
        was_used(server)
        tell(server)
        take_loads(at=hours(0))
        ResourceLoad.objects.update(judged_on=day_of(hours(1)), days=15)
        tell(server, cpu_milliseconds=int(Decimal("0.1") * HOUR_MS), memory_share=Decimal("0.2"))

        take_loads(at=hours(1))

        assert ResourceLoad.objects.get().days == 15

    def test_memory_that_was_never_told_and_is_busy_ends_the_hint(self, server, version, tell):
        version.cloud.flavors.filter(name="gp.small").update(memory_mib=8192)
        was_used(server, memory=None)
        tell(server)
        take_loads(at=hours(0))
        assert hints() != {}
        tell(server, cpu_milliseconds=1, memory_share=Decimal("0.4"))

        take_loads(at=hours(1))

        assert hints() == {}

    def test_what_was_not_judged_for_days_is_not_told(self, server):
        was_used(server)
        ResourceLoad.objects.update(judged_on=localdate() - HOLDS_FOR)

        assert hints() == {}

    def test_it_is_judged_once_a_day_by_itself(self, server, tell):
        was_used(server)
        ResourceLoad.objects.update(judged_on=None, less={}, saving=0)
        tell(server, memory_share=Decimal("0.1"))
        take_loads(at=hours(0))
        take_loads(at=hours(1))

        assert hints() == {"zaken": ("gp.small", CHEAPER)}

    def test_of_what_stands_still_only_that_is_told(self, server):
        was_used(server)
        long_ago = now() - timedelta(days=30)
        facts = {**server.facts, "status": "SHUTOFF"}
        Resource.objects.update(facts=facts, activated_at=long_ago, created_at=long_ago)
        server.operations.update(finished_at=long_ago)

        with override("en"):
            (hint,) = find_hints(Resource.objects.all(), at=now()).values()
            assert hint.gist == "Stopped for 30 days"


class TestPages:
    def test_page_of_it_and_list_tell_what_it_rests_on_and_lead_to_the_change(
        self, server, requester
    ):
        metered_since(server.public_id, now() - timedelta(hours=1))
        was_used(server, processors="0.0601")

        gist = "On average in its busiest hour 7% of the processor in 21 days"
        shown = page(requester, f"/resources/{server.public_id}")
        assert f"{gist}. Looked at each hour, it used at most 30% of its memory." in shown
        assert "With size gp.small it has room left, and costs €38.40 per month less." in shown
        assert "less. This looks at processors and memory only." in shown
        assert "Choose another size" in shown
        row = page(requester, "/costs/resources?show=idle")
        assert f"{gist} , €38.40 per month less with a smaller size" in row or (
            f"{gist}, €38.40 per month less with a smaller size" in row
        )
        assert "You may save on 1 resource" in page(requester, "/")

    def test_who_only_reads_is_not_led_to_the_change(self, server, project):
        was_used(server)
        auditor = PersonFactory()
        grant(auditor, Role.AUDITOR, project)

        shown = page(auditor, f"/resources/{server.public_id}")
        assert "On average in its busiest hour" in shown
        assert "Choose another size" not in shown

    def test_another_tenant_hears_nothing(self, server):
        was_used(server)
        stranger = PersonFactory()
        grant(stranger, Role.REQUESTER, make_project())

        assert "You may save" not in page(stranger, "/")
        assert "zaken" not in page(stranger, "/costs/resources?show=idle")


def page(person: Any, path: str) -> str:
    response = visit_as(person).get(path)
    assert response.status_code == 200
    text = re.sub(r"<[^>]+>", " ", response.content.decode())
    return " ".join(unescape(text).replace("\N{NO-BREAK SPACE}", " ").split())
