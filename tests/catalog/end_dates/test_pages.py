"""What pages, order form and programs are told about the end of a term is what happens."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import translation

from catalog.models import Ending, Resource
from catalog.services.protection import protect_resource
from catalog.views.end_dates import OPEN_ENDINGS, end_notice
from portal.cloud.ports import CloudRefused
from portal.core import formats
from portal.core.calendar import day_of
from portal.identity.models import Role
from portal.web.home_tasks import find_tasks
from tests.catalog.end_dates.conftest import LAST_DAY, after, before, until
from tests.factories import PersonFactory, grant
from tests.logins import log_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("dutch")]
DAY = timedelta(days=1)
GOES = "We ruimen het op {day} op. Wat erop staat, bent u dan kwijt."


@pytest.fixture
def dutch():
    with translation.override("nl"):
        yield


def notice_at(resource, moment):
    found = Resource.objects.prefetch_related(OPEN_ENDINGS).get(pk=resource.pk)
    return end_notice(found, today=day_of(moment))


def in_words(day):
    return formats.day(day)


class TestNotice:
    @pytest.mark.parametrize(
        ("days", "title"),
        [
            (30, "Loopt over 30 dagen af"),
            (7, "Loopt over 7 dagen af"),
            (1, "Loopt over 1 dag af"),
            (0, "Loopt vandaag af"),
        ],
    )
    def test_before_the_end_it_says_what_will_happen(self, server, days, title):
        notice = notice_at(server, before(days))

        assert notice.title == title
        assert notice.facts == [
            f"De laatste dag is {in_words(LAST_DAY)}.",
            "Na die dag stoppen we het. 14 dagen later ruimen we het op, met wat erop staat.",
        ]
        assert notice.advice.startswith("Verleng het als u het langer nodig hebt.")

    def test_earlier_than_that_nothing_is_said(self, server):
        assert notice_at(server, before(31)) is None

    def test_a_kind_without_a_stop_is_not_said_to_stop(self, server, monkeypatch):
        monkeypatch.setattr("catalog.kinds.server.Server.ends_with", "")

        assert "stoppen" not in " ".join(notice_at(server, before(3)).facts)

    def test_as_long_as_the_clock_stands_still_it_says_what_will_happen(self, server):
        facts = notice_at(server, after(5)).facts

        assert "Na die dag stoppen we het." in facts[1]
        assert facts[-1].startswith("Tot het is opgeruimd, kost het geld")

    def test_while_and_after_it_is_stopped(self, strike, engine, server):
        strike(after(1), hangs=True)
        assert "We stoppen het nu." in notice_at(server, after(1)).facts

        engine.run()
        facts = notice_at(server, after(2)).facts
        stopped = Ending.objects.get().stop.finished_at
        assert f"We hebben het op {in_words(stopped)} gestopt." in facts
        assert GOES.format(day=in_words(LAST_DAY + 15 * DAY)) in facts

    def test_a_stop_that_failed_is_not_said_to_have_been_done(self, strike, server, cloud):
        cloud.fail_next("stop_server", CloudRefused("policy does not allow this"))
        strike(after(1))

        assert "Stoppen is niet gelukt." in notice_at(server, after(2)).facts
        assert any("zodra er niets anders" in fact for fact in notice_at(server, after(20)).facts)

    def test_what_is_protected_is_not_said_to_go(self, strike, server, requester):
        protect_resource(server.public_id, actor=requester)
        assert "Het is beschermd" in notice_at(server, before(3)).facts[1]
        strike(after(1))

        notice = notice_at(server, after(40))
        assert notice.gist == "Het is beschermd en wordt dus niet opgeruimd."
        assert not any("We ruimen het" in fact for fact in notice.facts)

    def test_a_renewed_one_says_nothing(self, strike, server):
        strike(after(1))
        until(LAST_DAY + 90 * DAY, server)

        assert notice_at(server, after(1)) is None


@pytest.mark.parametrize("role", [Role.REQUESTER, Role.OPERATOR])
def test_who_can_do_something_finds_it_on_the_first_page(strike, server, requester, project, role):
    person = PersonFactory()
    grant(person, role, project)
    (soon,) = find_tasks(person, at=before(7))
    protect_resource(server.public_id, actor=requester)
    strike(after(1))
    kept = find_tasks(person, at=after(100))[0]  # for saving somebody may be told as well

    assert soon.title == f"Loopt over 7 dagen af: {server.name}"
    assert soon.url == reverse("catalog:resource", args=[server.public_id])
    assert "Verleng het als u het langer nodig hebt." in soon.text
    assert kept.title == f"De termijn is verstreken: {server.name}"
    assert "zet de bescherming uit en ruim het op" in kept.text


def test_the_page_tells_the_history(client, strike, server, requester):
    strike(before(7))
    strike(after(1))
    page = log_in(client, requester).get(reverse("catalog:resource", args=[server.public_id]))

    text = page.content.decode()
    assert "Cloudloket meldde: dit loopt binnen 7 dagen af." in text
    assert "De termijn is verstreken." in text
    assert "Cloudloket vroeg: Stop." in text


@pytest.mark.parametrize("version", [5], indirect=True)
def test_the_order_form_promises_what_the_offering_says(client, requester, version):
    address = reverse("catalog:order-form", args=[version.offering.code])
    text = log_in(client, requester).get(address).content.decode()

    assert "Na die dag stoppen we het. 5 dagen later ruimen we het op" in text
