"""The pages of a disk: what can be done with it, what is asked first, and what is made of it."""

from __future__ import annotations

import pytest
from django.urls import reverse

from catalog.models import Operation, Order
from portal.identity.models import Role
from tests.catalog.views.ordering import HTMX, text_of, title_of
from tests.factories import PersonFactory, generous_limits, grant, make_project
from tests.logins import log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client, requester):
    log_in(client, requester)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def page_of(resource):
    return reverse("catalog:resource", args=[resource.public_id])


def act_url(resource, action):
    return reverse("catalog:resource-act", args=[resource.public_id, action])


def form_url(kind):
    return reverse("catalog:order-form", args=[kind.replace("_", "-")])


def test_disk_tells_what_can_be_made_of_it_and_leads_there(browser, disk, project):
    page = browser.get(page_of(disk)).content.decode()

    assert f'href="{act_url(disk, "attach")}"' in page
    address = f"{form_url('volume_snapshot')}?from={disk.public_id}"
    assert f'href="{address}"' in page
    assert f'href="{form_url("volume")}?from=' not in page
    form = browser.get(address)
    assert form.context["form"]["volume"].value() == str(disk.public_id)
    assert form.context["form"]["project"].value() == str(project.public_id)
    text = text_of(form)
    assert "archief (20 GiB" in text
    assert "€1.00" in text or "€ 1.00" in text  # 20 GiB of snapshot


def test_form_of_a_snapshot_is_sent(browser, disk, project):
    answers = {
        "idempotency_key": "6d2c9f3e-9f3e-4d2c-8d2c-6d2c9f3e6d2c",
        "project": str(project.public_id),
        "cards_for": str(project.public_id),
        "name": "voor-de-wijziging",
        "purpose": "Terug kunnen",
        "volume": str(disk.public_id),
        "end_date": "",
    }
    refused = browser.post(form_url("volume_snapshot"), {**answers, "volume": "iets"})
    assert refused.status_code == 422
    assert "Choose one of the options" in text_of(refused)

    browser.post(form_url("volume_snapshot"), answers)

    order = Order.objects.latest("pk")
    assert order.lines.get().spec["volume_gib"] == 20
    detail = browser.get(reverse("catalog:order", args=[order.public_id]))
    assert "archief" in text_of(detail)
    assert str(disk.public_id) not in text_of(detail)


def test_too_small_a_disk_is_told_at_its_field_and_in_the_panel(browser, snapshot, project):
    answers = {
        "idempotency_key": "6d2c9f3e-9f3e-4d2c-8d2c-6d2c9f3e6d2d",
        "project": str(project.public_id),
        "cards_for": str(project.public_id),
        "name": "terug",
        "purpose": "Terug",
        "volume_gib": "10",
        "volume_type": "standard",
        "source": str(snapshot.public_id),
        "end_date": "",
    }
    preview = reverse("catalog:order-preview", args=["volume"])
    said = "voor-de-wijziging has 20 GiB. Choose at least that."
    assert said in text_of(browser.post(preview, answers, headers=HTMX))

    refused = browser.post(form_url("volume"), answers)

    assert refused.status_code == 422
    assert refused.context["form"].errors["volume_gib"] == [said]


def test_form_of_a_disk_begins_as_large_as_what_it_is_made_from(browser, snapshot):
    form = browser.get(f"{form_url('volume')}?from={snapshot.public_id}").context["form"]

    assert form["source"].value() == str(snapshot.public_id)
    assert (form["volume_gib"].value(), form["volume_type"].value()) == (20, "standard")


def test_other_project_offers_its_own_disks_alone(browser, disk, requester):
    other = make_project(name="Elders")
    generous_limits(other)
    grant(requester, Role.REQUESTER, other)
    answers = {"project": str(other.public_id), "cards_for": "", "volume": str(disk.public_id)}

    preview = reverse("catalog:order-preview", args=["volume-snapshot"])
    answer = browser.post(preview, answers, headers=HTMX).content.decode()

    assert 'id="question-volume" hx-swap-oob="true"' in answer
    assert "archief" not in answer
    assert "Nothing runs in this project" in answer


def test_source_that_somebody_does_not_reach_does_not_exist(client, disk, offerings):
    stranger = PersonFactory()
    grant(stranger, Role.REQUESTER, make_project())
    log_in(client, stranger)

    for source in (disk.public_id, "iets"):
        assert client.get(f"{form_url('volume_snapshot')}?from={source}").status_code == 404


def test_action_asks_which_server_and_keeps_what_was_wrong(browser, disk, server):
    page = browser.get(act_url(disk, "attach"))
    assert "web-1" in text_of(page)
    assert not Operation.objects.filter(kind="act").exists()

    refused = browser.post(act_url(disk, "attach"), {"server": "iets"})
    assert refused.status_code == 422
    assert title_of(refused).startswith("Error:")
    assert "Choose one of the options" in text_of(refused)

    done = browser.post(act_url(disk, "attach"), {"server": str(server.public_id)})
    assert (done.status_code, done["Location"]) == (303, page_of(disk))


def test_action_that_is_not_offered_is_not_asked(browser, disk, server):
    for resource, action in ((disk, "detach"), (disk, "anything"), (server, "start")):
        response = browser.get(act_url(resource, action))
        assert response.status_code in {302, 422}


def test_disk_and_server_name_each_other(browser, attached, server, snapshot):
    disk, page = text_of(browser.get(page_of(attached))), text_of(browser.get(page_of(server)))

    assert "Attached to web-1" in disk
    assert "Made from this voor-de-wijziging" in disk
    assert "First clean up what needs it: voor-de-wijziging" in disk
    assert "Clean it up" not in disk.split("No longer needed?")[1].split("Protect it")[0]
    assert "Attached archief" in page
    retire = reverse("catalog:resource-retire", args=[server.public_id])
    assert "stays, and goes on costing money: archief" in text_of(browser.get(retire))


def test_who_only_reads_makes_nothing(client, disk, project):
    auditor = PersonFactory()
    grant(auditor, Role.AUDITOR, project)
    log_in(client, auditor)

    assert "?from=" not in client.get(page_of(disk)).content.decode()
    assert client.get(act_url(disk, "attach")).status_code == 403
