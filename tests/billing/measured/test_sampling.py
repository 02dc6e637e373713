"""Each thing is asked for once an hour, whatever cloud is away and whoever is broken off."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from uuid import uuid4

import pytest
from django.db import transaction

from billing.models import MeasuredUse, SampleProblem, UsageSample, UsageSpan
from billing.services import measuring, sampling
from billing.services.metering import start_metering
from billing.services.sampling import take_samples
from billing.tasks import take_samples as task
from portal.cloud.models import CloudProject
from portal.cloud.ports import CloudRefused, CloudUnavailable, ContainerSpec
from tests.billing.measured.conftest import GIB, STORED, TRAFFIC, at, hours, spans, tell
from tests.factories import make_organization, make_project
from tests.races import at_once, meeting

pytestmark = pytest.mark.django_db(transaction=True)


def measured_elsewhere(model, number):
    """A load balancer in a project of its own."""
    project = make_project(make_organization(name=f"Dienst {number}"))
    CloudProject.objects.create(project=project, cloud=model, openstack_project_id=f"p-{number}")
    with transaction.atomic():
        resource = start_metering(
            public_id=uuid4(),
            project=project,
            cloud=model,
            kind="load_balancer",
            name="front",
            openstack_id=f"lb-{number}",
            meters=[TRAFFIC],
            time=at(hours(0)),
        )
    return resource.measured_uses.get()


def problems():
    return dict(MeasuredUse.objects.values_list("resource__openstack_id", "problem"))


def test_all_containers_of_a_project_take_one_question(start, cloud, place):
    first, second = start(STORED), start(STORED, "foto's")
    cloud.create_container(place, ContainerSpec(name="foto's", quota_gib=1), "")
    cloud.store(place, "archief", 2 * GIB)
    cloud.store(place, "foto's", GIB)

    assert take_samples(at=hours(1)) == 2

    assert cloud.calls["container_bytes"] == 1
    assert spans(first) == [(Decimal(2), hours(1), None)]
    assert spans(second) == [(Decimal(1), hours(1), None)]


def test_traffic_of_both_directions_is_counted(start, cloud, balancer):
    use = start(TRAFFIC, balancer)
    take_samples(at=hours(1))
    cloud.let_traffic_pass(balancer, bytes_in=GIB, bytes_out=3 * GIB)

    take_samples(at=hours(2))

    assert spans(use) == [(Decimal(4), hours(1), hours(2))]


def test_nothing_is_asked_twice_within_an_hour(stored, cloud, place):
    assert [take_samples(at=hours(each)) for each in (1, 1, 1.5, 2)] == [1, 0, 0, 1]
    assert cloud.calls["container_bytes"] == 2


def test_cloud_that_is_away_is_asked_once_and_the_rest_waits(start, cloud, balancer):
    start(STORED)
    lost = start(TRAFFIC, balancer), start(TRAFFIC, "lb-elsewhere")
    cloud.fail_next("load_balancer_traffic", CloudUnavailable("down"))

    assert take_samples(at=hours(1)) == 1  # what is stored was told all the same

    assert cloud.calls["load_balancer_traffic"] == 1
    assert problems() == {
        "archief": SampleProblem.NONE,
        balancer: SampleProblem.AWAY,
        "lb-elsewhere": SampleProblem.AWAY,
    }
    assert take_samples(at=hours(2)) == 2
    assert not UsageSpan.objects.filter(resource=lost[0].resource).exists()


def test_cloud_that_is_away_takes_nobodys_turn(start, model, cloud, place, monkeypatch):
    """There is room for two in a round, and of each of three projects a load balancer is lost."""
    stored = start(STORED)
    lost = [measured_elsewhere(model, number) for number in range(3)]
    MeasuredUse.objects.filter(pk=stored.pk).update(tried_at=hours(0))
    monkeypatch.setattr(sampling, "MOST_AT_ONCE", 2)

    def be_away(*_arguments):
        raise CloudUnavailable("down")

    monkeypatch.setattr(cloud, "load_balancer_traffic", be_away)
    for minutes in (0, 5):
        take_samples(at=hours(1 + minutes / 60))

    assert stored.samples.count() == 1
    assert {use.pk for use in MeasuredUse.objects.filter(problem=SampleProblem.AWAY)} == {
        use.pk for use in lost
    }


def test_refusal_and_absence_are_told_apart_and_hold_nobody_up(start, cloud, balancer):
    start(TRAFFIC, "lb-gone"), start(TRAFFIC, balancer), start(STORED, "no-container")
    assert take_samples(at=hours(1)) == 1
    cloud.fail_next("load_balancer_traffic", CloudRefused("no"))
    take_samples(at=hours(2))

    assert problems() == {
        "lb-gone": SampleProblem.REFUSED,
        balancer: SampleProblem.NONE,
        "no-container": SampleProblem.GONE,
    }


def test_what_has_no_project_in_the_cloud_yet_waits(stored, cloud):
    assert take_samples(at=hours(1)) == 0
    assert problems() == {"archief": SampleProblem.GONE}


def test_cloud_of_another_installation_is_not_asked(stored, cloud, place, settings):
    settings.CLOUDS = ("elsewhere",)

    assert take_samples(at=hours(1)) == 0
    assert not cloud.calls["container_bytes"]


def test_clock_that_was_fast_does_not_silence_the_questions(stored, cloud, place):
    take_samples(at=hours(48))

    assert take_samples(at=hours(1)) == 0  # it is asked, and its answer is older than the last
    assert cloud.calls["container_bytes"] == 2


def test_crash_after_the_answer_charges_nothing_twice(start, cloud, balancer, monkeypatch):
    """Once the sample is kept and its use is not: both are gone, and the next answer has all."""
    use = start(TRAFFIC, balancer)
    take_samples(at=hours(1))
    cloud.let_traffic_pass(balancer, bytes_in=5 * GIB, bytes_out=0)

    def break_off(*_args, **_kwargs):
        raise RuntimeError("power")

    with monkeypatch.context() as broken:
        broken.setattr(measuring, "_note", break_off)
        with pytest.raises(ExceptionGroup):
            take_samples(at=hours(2))
    assert (UsageSample.objects.count(), spans(use)) == (1, [])
    take_samples(at=hours(3))

    assert spans(use) == [(Decimal(5), hours(1), hours(3))]


def test_lost_answer_is_asked_again_and_charged_once(start, cloud, balancer):
    use = start(TRAFFIC, balancer)
    take_samples(at=hours(1))
    cloud.let_traffic_pass(balancer, bytes_in=GIB, bytes_out=0)
    cloud.lose_next_reply("load_balancer_traffic")

    take_samples(at=hours(2))
    take_samples(at=hours(3))

    assert spans(use) == [(Decimal(1), hours(1), hours(3))]


def test_two_rounds_at_once_ask_once(stored, cloud, place, monkeypatch):
    monkeypatch.setattr(sampling, "_due_places", meeting(sampling._due_places))

    assert at_once(*[partial(take_samples, at=hours(1))] * 2) == ["done", "done"]

    assert cloud.calls["container_bytes"] == 1
    assert UsageSample.objects.count() == 1


def test_two_that_write_the_same_answer_write_it_once(traffic, monkeypatch):
    tell(traffic, hours(1), 0)
    MeasuredUse.objects.update(tried_at=hours(2))
    monkeypatch.setattr(measuring, "_is_credible", meeting(measuring._is_credible))
    write = partial(measuring.take_sample, traffic.pk, measured_at=hours(2), value=GIB)

    assert at_once(write, write) == ["done", "done"]

    assert spans(traffic) == [(Decimal(1), hours(1), hours(2))]


def test_task_asks(stored, cloud, place):
    task()

    assert cloud.calls["container_bytes"] == 1
