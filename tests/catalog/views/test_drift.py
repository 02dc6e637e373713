"""The pages of drift, as operators and auditors see them."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from catalog.models import (
    CloudLook,
    Difference,
    DifferenceState,
    DriftRepair,
    Order,
    OrderState,
    Resource,
)
from catalog.services.approvals import approve_order
from catalog.services.changes import place_change
from catalog.services.drift_repairs import confirm_repair
from catalog.services.resources import act_on_resource
from portal.cloud.ports import BACKUP_GIB, UNLIMITED
from portal.core.calendar import day_of
from portal.identity.models import Role
from tests.factories import PersonFactory, delivered, grant, make_project, place, place_group
from tests.factories.drift import DISK, gone, narrow, opened, proposed, stopped, unordered
from tests.logins import log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(requester, approver, project, version, sent_tasks):
    return delivered(place(requester, project, version, name="bodem-gis-07"), approver=approver)


@pytest.fixture
def group(requester, approver, project, version, sent_tasks):
    """A security group that lets in the web."""
    return delivered(place_group(requester, project, version), approver=approver)


@pytest.fixture
def compared(server):
    """The cloud was compared just now."""
    cloud = server.cloud_project.cloud
    return CloudLook.objects.create(cloud=cloud, due_at=now(), ended_at=now(), resources=3412)


@pytest.fixture
def person_with(project):
    def make(role):
        person = PersonFactory(name=role.label)
        grant(person, role, project)
        return person

    return make


@pytest.fixture
def operator(client, person_with):
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return log_in(client, person_with(Role.OPERATOR))


@pytest.fixture
def auditor(client, person_with):
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return log_in(client, person_with(Role.AUDITOR))


def text(response, status=200):
    assert response.status_code == status
    return response.content.decode()


def test_what_may_let_others_in_comes_first(operator, server, group, compared):
    gone(server)
    opened(group)

    (first, second) = operator.get("/drift").context["large"]

    assert (first.difference.field, first.badge) == ("rules", "Urgent")
    assert second.difference.kind == "charged_but_absent"


def test_before_the_first_look_nothing_is_known(operator):
    page = text(operator.get("/drift"))

    assert "Not compared yet" in page
    assert "No differences" not in page


def test_nothing_found_is_good_news(operator, server, compared):
    assert "No differences" in text(operator.get("/drift"))


def test_what_goes_on_costing_is_the_price_of_the_last_change(
    operator, server, compared, requester, approver
):
    order, _ = place_change(
        requested_by=requester,
        resource=server,
        purpose="Meer zaken",
        answers={"volume_gib": 140},
        end_date=server.end_date,
        idempotency_key="k",
    )
    approve_order(order.public_id, approver=approver)
    for state in (OrderState.PROVISIONING, OrderState.COMPLETED):
        Order.objects.filter(pk=order.pk).update(state=state, settled_at=now())
    difference = gone(server)

    for page in ("/drift", f"/drift/{difference.public_id}"):
        assert "50.30 per month, goes on" in text(operator.get(page))


def test_urgent_ones_show_both_sides_and_what_they_cost(operator, server, project, compared):
    gone(server)
    stopped(server)
    unordered(project, server.cloud_project.cloud)

    response = operator.get("/drift")

    page = text(response)
    assert "Server bodem-gis-07 is gone from the cloud" in page
    assert "41.80 per month, goes on" in page
    assert "Disk tmp-export was not ordered" in page
    assert "3,412 resources" in page
    assert [row.difference.kind for row in response.context["large"]] == [
        "charged_but_absent",
        "unknown",
    ]
    assert [row.difference.kind for row in response.context["rows"]] == ["differs"]
    assert [tab.count for tab in response.context["tabs"]] == [3, 1, 1, 1, 0, 0]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({}, 3),
        ({"show": "gone"}, 1),
        ({"show": "strange"}, 1),
        ({"show": "other"}, 1),
        ({"show": "solved"}, 0),
        ({"show": "nonsense"}, 3),
        ({"q": "tmp-exp"}, 1),
        ({"q": "volume-9"}, 1),
        ({"q": "bodem"}, 2),
        ({"q": "niets\x00"}, 0),
        ({"page": "9"}, 3),
    ],
)
def test_tabs_and_words_filter(operator, server, project, query, count):
    gone(server)
    stopped(server)
    unordered(project, server.cloud_project.cloud)

    response = operator.get("/drift", query)

    assert len(response.context["large"]) + len(response.context["rows"]) == count


def test_what_was_seen_once_is_not_shown(operator, server, compared):
    difference = gone(server, state=DifferenceState.SUSPECTED)

    page = text(operator.get("/drift"))
    assert "One look saw something" in page
    assert "No differences" not in page
    assert operator.get(f"/drift/{difference.public_id}").status_code == 404


def test_questions_do_not_grow_with_the_list(operator, server, project):
    cloud = server.cloud_project.cloud
    gone(server)
    unordered(project, cloud)
    operator.get("/drift")
    with CaptureQueriesContext(connection) as few:
        operator.get("/drift")
    for number in range(20):
        unordered(project, cloud, openstack_id=f"volume-{number + 20}")
        stopped(server, openstack_id=f"server-{number + 20}")

    with CaptureQueriesContext(connection) as many:
        response = operator.get("/drift")

    assert len(many) == len(few)
    assert response.context["page"].paginator.count == 42
    assert len(response.context["large"]) + len(response.context["rows"]) == 25


def test_auditor_reads_and_changes_nothing(auditor, server):
    difference = gone(server)
    page = text(auditor.get(f"/drift/{difference.public_id}"))

    assert "Ignore it" not in page
    assert "Close it" not in page
    assert "Compare now" not in text(auditor.get("/drift"))
    assert auditor.post(f"/drift/{difference.public_id}/ignore").status_code == 403
    assert auditor.post("/drift/look").status_code == 403


@pytest.mark.parametrize(
    ("make", "offered", "absent"),
    [
        (gone, ["Close it", "Ignore it for some time"], ["Correct our record", "Charge it"]),
        (stopped, ["Correct our record", "Ignore it for some time"], ["Close it"]),
    ],
)
def test_only_what_makes_sense_is_offered(operator, server, make, offered, absent):
    page = text(operator.get(f"/drift/{make(server).public_id}"))

    assert all(words in page for words in offered)
    assert not any(words in page for words in absent)


def test_ignoring_from_the_page(operator, server, compared):
    difference = gone(server)
    until = day_of(now()) + timedelta(days=7)

    response = operator.post(
        f"/drift/{difference.public_id}/ignore",
        {"until": f"{until:%d-%m-%Y}", "reason": "Onderhoud"},
        follow=True,
    )

    page = text(response)
    assert "Ignored for now" in page
    assert "Onderhoud" in page
    assert "No differences" in text(operator.get("/drift"))
    assert "bodem-gis-07" in text(operator.get("/drift", {"show": "ignored"}))


@pytest.mark.parametrize(
    ("until", "reason", "said"),
    [
        ("", "Onderhoud", "Fill this in."),
        ("gisteren", "Onderhoud", "Fill in a date as 31-12-2026."),
        ("01-01-2020", "Onderhoud", "Choose today or a later day, at most 90 days away."),
        ("{later}", "", "Fill this in."),
    ],
)
def test_what_was_typed_wrong_stays_and_is_explained(operator, server, until, reason, said):
    difference = gone(server)
    later = f"{day_of(now()) + timedelta(days=7):%d-%m-%Y}"
    typed = {"until": until.format(later=later), "reason": reason}

    page = text(operator.post(f"/drift/{difference.public_id}/ignore", typed), 422)

    assert said in page
    assert f'value="{typed["until"]}"' in page or not typed["until"]
    assert Difference.objects.get().state == DifferenceState.OPEN


def test_closing_takes_a_second_operator(client, operator, person_with, server):
    difference = gone(server)
    address = f"/drift/{difference.public_id}"
    text(operator.post(f"{address}/retire", {"reason": ""}), 422)
    operator.post(f"{address}/retire", {"reason": "Het is echt weg."})
    repair = DriftRepair.objects.get()
    page = text(operator.get(address))
    assert "Another operator decides." in page
    assert "Agree, carry it out" not in page
    assert operator.post(f"/drift/repairs/{repair.public_id}/confirm").status_code == 403

    second = log_in(client, person_with(Role.OPERATOR))
    assert "Agree, carry it out" in text(second.get(address))
    response = second.post(f"/drift/repairs/{repair.public_id}/confirm", follow=True)

    assert "Carried out" in text(response)
    server.refresh_from_db()
    assert server.state == "retiring"


def test_refusal_without_a_reason_says_so(client, operator, person_with, server):
    repair = proposed(gone(server), person_with(Role.OPERATOR))

    page = text(operator.post(f"/drift/repairs/{repair.public_id}/refuse", {"reason": ""}), 422)

    assert "Fill this in." in page
    repair.refresh_from_db()
    assert repair.state == "proposed"


def test_correcting_from_the_page(operator, server):
    difference = stopped(server)

    page = text(operator.post(f"/drift/{difference.public_id}/correct", follow=True))

    assert "Corrected." in page
    server.refresh_from_db()
    assert server.facts["status"] == "SHUTOFF"


def test_comparing_now_is_asked_for_once_a_minute(operator, server):
    assert "We compare now" in text(operator.post("/drift/look", follow=True))
    CloudLook.objects.update(began_at=now())
    assert "less than a minute ago" in text(operator.post("/drift/look", follow=True))


def test_cloud_that_did_not_tell_everything_is_said(operator, server):
    CloudLook.objects.create(
        cloud=server.cloud_project.cloud, due_at=now(), ended_at=now(), unanswered=["zones"]
    )

    assert "A cloud did not tell everything" in text(operator.get("/drift"))


def test_another_tenant_is_not_there(client, person_with, server, version):
    difference = gone(server)
    stranger = PersonFactory()
    grant(stranger, Role.OPERATOR, make_project(name="Ander systeem"))

    client = log_in(client, stranger)

    assert "bodem-gis-07" not in text(client.get("/drift"))
    assert client.get(f"/drift/{difference.public_id}").status_code == 404


def test_operators_see_in_the_menu_how_many_wait(operator, server):
    gone(server)

    links = [link for group in operator.get("/").context["shell"].menu for link in group.links]

    (drift,) = [link for link in links if link.url == "/drift"]
    assert drift.waiting == 1


# --- what nobody ordered -----------------------------------------------------------------------


def test_what_can_be_adopted_says_what_it_is_and_what_that_means(operator, server, project):
    difference = unordered(project, server.cloud_project.cloud, finding=DISK)

    page = text(operator.get(f"/drift/{difference.public_id}"))

    assert "7 GiB, standard" in page
    for proposal in ("adopt", "remove"):
        assert f'formaction="/drift/{difference.public_id}/{proposal}"' in page
    assert "for nothing before this month" in page


def test_what_cannot_be_adopted_says_why(operator, server, project):
    difference = unordered(project, server.cloud_project.cloud)

    page = text(operator.get(f"/drift/{difference.public_id}"))

    assert "This cannot be adopted now" in page
    assert "does not tell what this holds or costs" in page
    assert "/adopt" not in page


def test_second_copy_of_what_is_shared_says_so_and_is_not_to_be_adopted(operator, server, project):
    difference = unordered(
        project,
        server.cloud_project.cloud,
        listing="networks",
        part="network",
        finding={
            "kind": "network",
            "spec": {"cidr": "", "way_out": "none"},
            "facts": {},
            "used_by": [],
        },
    )

    page = text(operator.get(f"/drift/{difference.public_id}"))

    assert "Second copy of what the project has once" in page
    assert "The next delivery there removes it" in page
    assert f'formaction="/drift/{difference.public_id}/adopt"' not in page
    assert f'formaction="/drift/{difference.public_id}/remove"' in page


def test_proposal_without_a_reason_stores_nothing(operator, server, project):
    difference = unordered(project, server.cloud_project.cloud, finding=DISK)

    text(operator.post(f"/drift/{difference.public_id}/adopt", {"reason": " "}), 422)

    assert not DriftRepair.objects.exists()


def test_what_was_adopted_says_so_and_is_changed_by_no_order(
    operator, server, project, person_with, client
):
    difference = unordered(project, server.cloud_project.cloud, finding=DISK, name="oud")
    repair = proposed(difference, person_with(Role.OPERATOR), "adopt")
    confirm_repair(repair.public_id, actor=person_with(Role.OPERATOR))
    adopted = Resource.objects.get(found_as=difference)
    asker = log_in(client, person_with(Role.REQUESTER))

    page = text(asker.get(f"/resources/{adopted.public_id}"))

    assert "Nobody ordered this" in page
    assert "Change or extend" not in page
    assert "Clean it up" in page
    assert asker.get(f"/resources/{adopted.public_id}/change").status_code == 403
    assert "oud" in text(asker.get("/resources"))


@pytest.mark.parametrize(
    ("language", "heading", "button", "consequence"),
    [
        ("en", "is other than ordered", "Put it back as ordered", "connections may break off"),
        ("nl", "is anders dan besteld", "Zet het terug zoals besteld", "verbindingen kunnen"),
    ],
)
def test_rules_are_put_back_by_one_operator(
    operator, group, language, heading, button, consequence
):
    operator.defaults["HTTP_ACCEPT_LANGUAGE"] = language
    difference = opened(group)
    page = text(operator.get(f"/drift/{difference.public_id}"))
    assert all(words in page for words in (heading, button, consequence, "tcp 22 0.0.0.0/0"))

    response = operator.post(f"/drift/{difference.public_id}/put-back")

    assert response.status_code == 302
    difference.refresh_from_db()
    assert difference.state == DifferenceState.SOLVED
    assert group.operations.filter(plan="security_group.act.rules", state="running").exists()


def test_what_cannot_be_put_back_now_says_why(operator, group):
    difference = opened(group)
    act_on_resource(group.public_id, action="rules", actor=PersonFactory())

    page = text(operator.post(f"/drift/{difference.public_id}/put-back"), 409)

    assert "This was not done" in page
    assert "Put it back as ordered" in page


@pytest.mark.parametrize("make", [gone, stopped])
def test_what_nothing_puts_back_is_not_offered_so(operator, server, make):
    difference = make(server)

    assert "Put it back" not in text(operator.get(f"/drift/{difference.public_id}"))
    assert operator.post(f"/drift/{difference.public_id}/put-back").status_code == 409


def test_auditor_puts_nothing_back(auditor, group):
    difference = opened(group)

    assert "Put it back" not in text(auditor.get(f"/drift/{difference.public_id}"))
    assert auditor.post(f"/drift/{difference.public_id}/put-back").status_code == 403


def test_backups_without_a_limit_are_told_in_words(operator, server):
    difference = narrow(server.cloud_project, field=BACKUP_GIB, theirs=str(UNLIMITED))

    page = text(operator.get(f"/drift/{difference.public_id}"))

    assert "Room in the cloud for backups is other than needed" in page
    assert "Unlimited" in page


def test_quota_in_the_cloud_is_pushed_again_by_one_operator(operator, server):
    difference = narrow(server.cloud_project)
    assert "Quota of the project: servers" in text(operator.get("/drift"))
    page = text(operator.get(f"/drift/{difference.public_id}"))
    assert "Room in the cloud for servers is other than needed" in page

    response = operator.post(f"/drift/{difference.public_id}/push")

    assert response.status_code == 302
    difference.refresh_from_db()
    assert difference.state == DifferenceState.SOLVED
