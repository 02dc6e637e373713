"""What stands behind a load balancer and in a zone is ordered otherwise, and put back."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils.timezone import localdate
from django.utils.translation import override

from billing.models import UsageSpan
from catalog.kinds import get_kind
from catalog.kinds.dns_zone import read_records
from catalog.models import Operation, OperationKind, OperationState, Order, OrderState, StepFault
from catalog.services.operations import abandon_operation
from catalog.services.quota_checks import find_differences
from catalog.services.quotas import amounts_of
from portal.cloud.ports import CloudRefused, CloudUnavailable
from portal.core.errors import InvalidInput
from tests.catalog.kinds.test_every_kind import EXAMPLES, version_of
from tests.catalog.views.ordering import HTMX, text_of
from tests.logins import log_in

pytestmark = pytest.mark.django_db

OLD = "10.20.4.12:8080\n10.20.4.13:8080"
NEW = "10.20.4.13:8080\n10.20.4.14:8443"
OLD_RECORDS = EXAMPLES["dns_zone"].spec["records"]
# A value more, a CNAME that becomes an address, a name that is new.
NEW_RECORDS = "@ A 192.0.2.10\n@ A 192.0.2.11\nwww A 192.0.2.12\nmail MX 10 mx.example.nl"
TOO_LONG = ".".join(["a" * 60] * 4)
REFUSED = f"mail MX 10 mx.example.nl\nwww A 192.0.2.12\n{TOO_LONG} A 192.0.2.13"


@pytest.fixture
def balancer(run):
    end_date = localdate() + timedelta(days=365)
    version = version_of("load_balancer")
    return run(version, name="ingang", spec=EXAMPLES["load_balancer"].spec, end_date=end_date)


@pytest.fixture
def zone(run):
    end_date = localdate() + timedelta(days=365)
    version = version_of("dns_zone")
    return run(version, name="zone", spec=EXAMPLES["dns_zone"].spec, end_date=end_date)


def place_of(resource):
    """Its project and its id in the cloud."""
    return resource.cloud_project.openstack_project_id, resource.cloud_ids[resource.kind]


def members(cloud, balancer):
    found = cloud.list_members(*place_of(balancer))
    return "\n".join(f"{host}:{port}" for host, port in sorted(found))


def records(cloud, zone):
    return by_name(cloud.list_records(*place_of(zone)))


def written(text):
    return by_name(read_records(text, "loket.example.nl."))


def by_name(found):
    return {(record.name, record.type): set(record.values) for record in found}


def state_of(operation):
    operation.refresh_from_db()
    order = Order.objects.get(lines__operations=operation)
    return operation.state, order.state


def give_up(operation, engine, requester):
    """The reversal of a change that failed."""
    engine.call(abandon_operation, operation.public_id, actor=requester)
    engine.run()
    return Operation.objects.get(kind=OperationKind.REVERT)


# --- members -----------------------------------------------------------------------------------


def test_members_come_and_go_at_once(balancer, change, cloud):
    held, address = amounts_of(balancer.claim), balancer.facts["addresses"]

    operation = change(balancer, members=NEW)

    assert state_of(operation) == (OperationState.SUCCEEDED, OrderState.COMPLETED)
    assert list(operation.steps.values_list("name", flat=True)) == ["members"]
    assert (members(cloud, balancer), balancer.spec["members"]) == (NEW, NEW)
    assert cloud.calls["set_members"] == 1
    assert cloud.count("load_balancer") == 1
    assert balancer.facts["addresses"] == address
    assert UsageSpan.objects.count() == 1
    assert amounts_of(balancer.claim) == held
    assert find_differences() == []


def test_members_in_another_order_ask_nothing_of_the_cloud(balancer, change, cloud):
    turned = "\n".join(reversed(OLD.splitlines()))

    operation = change(balancer, members=turned)

    assert state_of(operation) == (OperationState.SUCCEEDED, OrderState.COMPLETED)
    assert cloud.calls["set_members"] == 0
    assert balancer.spec["members"] == turned


@pytest.mark.parametrize("call", ["set_members", "list_members", "list_load_balancers"])
def test_a_lost_reply_sets_members_once(balancer, begin, engine, cloud, call):
    operation = begin(balancer, members=NEW)
    cloud.lose_next_reply(call)

    engine.run()

    assert state_of(operation) == (OperationState.SUCCEEDED, OrderState.COMPLETED)
    assert (members(cloud, balancer), cloud.calls["set_members"]) == (NEW, 1)


@pytest.mark.parametrize("kind", ["load_balancer", "dns_zone"])
def test_a_change_survives_lost_messages_and_dead_workers(kind, request, begin, engine, cloud):
    fixture, answers = {
        "load_balancer": ("balancer", {"members": NEW}),
        "dns_zone": ("zone", {"records": NEW_RECORDS}),
    }[kind]
    operation = begin(request.getfixturevalue(fixture), **answers)

    for _ in range(20):
        engine.sweep()
        if engine.messages:
            engine.run_one()

    assert state_of(operation) == (OperationState.SUCCEEDED, OrderState.COMPLETED)


def test_a_busy_load_balancer_is_waited_for(balancer, begin, engine, cloud):
    operation = begin(balancer, members=NEW)
    cloud.fail_next("set_members", CloudUnavailable("it is immutable", status=409))

    engine.run()

    assert state_of(operation) == (OperationState.SUCCEEDED, OrderState.COMPLETED)
    assert members(cloud, balancer) == NEW


def test_members_that_came_although_it_was_refused_are_put_back(
    balancer, begin, engine, cloud, requester
):
    operation = begin(balancer, members=NEW)
    cloud.lose_next_reply("set_members", CloudRefused("no"))
    engine.run()
    assert state_of(operation) == (OperationState.FAILED, OrderState.FAILED)
    assert members(cloud, balancer) == NEW

    reversal = give_up(operation, engine, requester)

    balancer.refresh_from_db()
    assert state_of(reversal) == (OperationState.SUCCEEDED, OrderState.CANCELED)
    assert (members(cloud, balancer), balancer.spec["members"]) == (OLD, OLD)
    assert find_differences() == []


def test_a_load_balancer_in_error_is_shown_to_a_person(balancer, begin, engine, cloud):
    operation = begin(balancer, members=NEW)
    cloud.things[balancer.cloud_ids["load_balancer"]].status = "ERROR"

    engine.run()

    assert state_of(operation) == (OperationState.FAILED, OrderState.FAILED)
    assert operation.steps.get().fault == StepFault.BROKEN
    assert cloud.calls["set_members"] == 0


def test_members_that_octavia_cannot_set_up_are_shown_to_a_person(balancer, begin, engine, cloud):
    operation = begin(balancer, members=NEW)
    engine.run_until("members", "awaiting")
    thing = cloud.things[balancer.cloud_ids["load_balancer"]]
    thing.status, thing.on_settled = "ERROR", None

    engine.run()

    balancer.refresh_from_db()
    assert state_of(operation) == (OperationState.FAILED, OrderState.FAILED)
    assert balancer.spec["members"] == OLD


@pytest.mark.parametrize("typed", ["", "web-1:80", "10.20.4.12"])
def test_members_that_are_none_are_refused_at_their_field(balancer, ask, typed):
    with pytest.raises(InvalidInput) as refusal:
        ask(balancer, members=typed)
    assert list(refusal.value.errors) == ["members"]


@pytest.mark.parametrize("answers", [{"port": 443}, {"protocol": "TCP"}, {"network": "intern"}])
def test_what_octavia_does_not_change_is_no_question(balancer, ask, answers):
    with pytest.raises(InvalidInput) as refusal:
        ask(balancer, **answers)
    assert list(refusal.value.errors) == list(answers)


# --- records -----------------------------------------------------------------------------------


def test_records_come_go_and_get_other_values(zone, change, cloud):
    held = amounts_of(zone.claim)

    operation = change(zone, records=NEW_RECORDS)

    assert state_of(operation) == (OperationState.SUCCEEDED, OrderState.COMPLETED)
    assert list(operation.steps.values_list("name", flat=True)) == ["records"]
    assert records(cloud, zone) == written(NEW_RECORDS)
    assert zone.spec["records"] == NEW_RECORDS
    assert UsageSpan.objects.count() == 1
    assert amounts_of(zone.claim) == held
    assert find_differences() == []


def test_a_zone_may_lose_its_last_record_and_get_one_again(zone, change, cloud):
    change(zone, records="")
    assert (records(cloud, zone), zone.spec["records"]) == ({}, None)

    operation = change(zone, records=OLD_RECORDS)

    assert state_of(operation) == (OperationState.SUCCEEDED, OrderState.COMPLETED)
    assert records(cloud, zone) == written(OLD_RECORDS)


@pytest.mark.parametrize("call", ["set_records", "list_records", "find_zones"])
def test_a_lost_reply_sets_records_once(zone, begin, engine, cloud, call):
    asked = cloud.calls["set_records"]
    operation = begin(zone, records=NEW_RECORDS)
    cloud.lose_next_reply(call)

    engine.run()

    assert state_of(operation) == (OperationState.SUCCEEDED, OrderState.COMPLETED)
    assert records(cloud, zone) == written(NEW_RECORDS)
    assert cloud.calls["set_records"] == asked + 1


def test_records_that_were_half_written_are_put_back(zone, begin, engine, cloud, requester):
    operation = begin(zone, records=REFUSED)
    engine.run()
    assert state_of(operation) == (OperationState.FAILED, OrderState.FAILED)
    there = records(cloud, zone)
    assert there not in (written(OLD_RECORDS), written(REFUSED))
    assert written("@ A 192.0.2.10").items() <= there.items()  # what goes, goes last

    reversal = give_up(operation, engine, requester)

    zone.refresh_from_db()
    assert state_of(reversal) == (OperationState.SUCCEEDED, OrderState.CANCELED)
    assert records(cloud, zone) == written(OLD_RECORDS)
    assert zone.spec["records"] == OLD_RECORDS


@pytest.mark.parametrize(
    "typed",
    [
        "www",
        "www SOA x",
        "www A 192.0.2.300",
        "www A 192.0.2.3\nwww CNAME loket.example.nl",
        "www CNAME loket.example.nl\nWWW CNAME balie.example.nl",
        "@ CNAME loket.example.nl",
    ],
)
def test_records_that_are_none_are_refused_at_their_field(zone, ask, typed):
    with pytest.raises(InvalidInput) as refusal:
        ask(zone, records=typed)
    assert list(refusal.value.errors) == ["records"]


# --- what people see ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (NEW, ["A new server gets traffic", "may break off"]),
        (f"{OLD}\n10.20.4.15:80", ["A new server gets traffic"]),
        ("10.20.4.12:8080", ["may break off"]),
        ("10.20.4.13:8080\n10.20.4.12:8080", []),
    ],
)
def test_who_takes_a_server_away_is_told_what_that_means(after, words):
    effects = get_kind("load_balancer").change_effects({"members": OLD}, {"members": after})

    with override("en"):
        assert all(word in str(text) for word, text in zip(words, effects, strict=True))


@pytest.mark.parametrize("kind", ["load_balancer", "dns_zone"])
def test_what_was_found_in_the_cloud_is_asked_nothing(kind):
    assert get_kind(kind).changeable(version_of(kind), {"zone": "loket.example.nl"}) == []


@pytest.fixture
def browser(client, requester):
    log_in(client, requester)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def answers(resource, **changes):
    return {
        "idempotency_key": str(uuid4()),
        "end_date": resource.end_date.strftime("%d-%m-%Y"),
        "purpose": "Meer zaken",
        **changes,
    }


def test_page_begins_with_how_it_is_and_says_that_it_costs_nothing_more(browser, zone):
    page = browser.get(reverse("catalog:resource-change", args=[zone.public_id]))
    assert page.context["form"]["records"].value() == OLD_RECORDS

    preview = browser.post(
        reverse("catalog:resource-change-preview", args=[zone.public_id]),
        answers(zone, records=NEW_RECORDS),
        headers=HTMX,
    )

    text = text_of(preview)
    assert "€0.50 becomes €0.50 per month" in text
    assert "More per month €0.00" in text
    assert "some people may still get the old answer" in text


def test_sending_what_is_there_already_says_so(browser, balancer):
    page = browser.post(
        reverse("catalog:resource-change", args=[balancer.public_id]),
        answers(balancer, members=OLD.replace("\n", "\r\n")),
    )

    assert not Order.objects.filter(lines__changes=balancer).exists()
    assert page.status_code == 422


def test_order_shows_both_sides_line_by_line(browser, balancer, zone, ask):
    order = ask(balancer, members=NEW)
    emptied = ask(zone, records="")

    page = browser.get(reverse("catalog:order", args=[order.public_id]))
    other = browser.get(reverse("catalog:order", args=[emptied.public_id]))

    assert "10.20.4.13:8080<br>10.20.4.14:8443" in page.content.decode()
    assert "www CNAME loket.example.nl Nothing" in text_of(other)
