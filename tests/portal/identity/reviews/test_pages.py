"""The pages of reviews: who sees what, what waits on the first page, the export."""

import csv
import io
from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils.timezone import now

from portal.audit.models import AuditEntry
from portal.identity.models import ReviewCampaign, Role
from tests.factories import PersonFactory, make_project
from tests.portal.identity.reviews.conftest import give, item_of
from tests.portal.identity.reviews.pages import (
    keep_all,
    keep_of,
    page_of,
    reviews_waiting,
    rows_of,
    undecided,
    withdraw_of,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign(opened, administrator, colleague, auditor, worker):
    return opened()


class TestList:
    def test_it_says_how_far_each_review_is(self, browse, campaign, administrator, auditor):
        (row,) = browse(administrator).get(reverse("identity:access-reviews")).context["rows"]
        assert (row.total, row.undecided, row.waiting) == (4, 4, 3)

        (row,) = browse(auditor).get(reverse("identity:access-reviews")).context["rows"]
        assert (row.total, row.undecided, row.waiting) == (4, 4, 0)

    @pytest.mark.parametrize("role", list(Role))
    def test_only_for_who_administers_or_audits(self, browse, campaign, ministry, role):
        person = PersonFactory()
        give(person, role, ministry)
        is_reader = role in {Role.QUOTA_ADMINISTRATOR, Role.AUDITOR}

        browser = browse(person)

        response = browser.get(reverse("identity:access-reviews"))
        assert response.status_code == (200 if is_reader else 403)
        assert browser.get(page_of(campaign)).status_code == (200 if is_reader else 404)
        menu = browser.get("/").content.decode()
        assert (reverse("identity:access-reviews") in menu) is is_reader

    def test_a_stranger_logs_in_first(self, client, campaign):
        for address in (reverse("identity:access-reviews"), page_of(campaign)):
            assert client.get(address).headers["Location"].startswith("/login")

    def test_without_any_review_it_says_when_the_first_comes(self, browse, administrator):
        text = browse(administrator).get(reverse("identity:access-reviews")).content.decode()

        assert "Er zijn nog geen beoordelingen" in text

    def test_an_administrator_opens_one(self, browse, administrator, ministry):
        response = browse(administrator).post(
            reverse("identity:access-reviews"),
            {"root": str(ministry.public_id), "scope": "privileged"},
        )

        assert response["Location"] == page_of(ReviewCampaign.objects.get())

    @pytest.mark.parametrize(
        ("changes", "status"),
        [({"scope": "some"}, 422), ({"root": "x"}, 422), ({"root": str(uuid4())}, 422), ({}, 409)],
    )
    def test_what_cannot_be_opened_is_said(
        self, browse, campaign, administrator, ministry, changes, status
    ):
        typed = {"root": str(ministry.public_id), "scope": "all"} | changes

        response = browse(administrator).post(reverse("identity:access-reviews"), typed)

        assert response.status_code == status
        assert 'role="alert"' in response.content.decode()
        assert ReviewCampaign.objects.count() == 1

    def test_an_auditor_opens_nothing(self, browse, auditor, ministry):
        response = browse(auditor).post(
            reverse("identity:access-reviews"),
            {"root": str(ministry.public_id), "scope": "all"},
        )

        assert response.status_code == 403


class TestOneReview:
    def test_a_reviewer_sees_what_waits_and_why_the_rest_does_not(
        self, browse, campaign, administrator
    ):
        response = browse(administrator).get(page_of(campaign))

        decidable = {row.item.person.name for row in rows_of(response) if row.may_decide}
        assert decidable == {"Bram Beheer", "Carla Controle", "Daan de Vries"}
        text = response.content.decode()
        assert "3 rollen wachten op u" in text
        assert "Uw eigen rol: iemand anders beslist." in text
        assert "In het portaal, door Boss" in text
        assert "nooit ingelogd" in text.lower()

    def test_an_auditor_reads_all_and_changes_nothing(self, browse, campaign, auditor, worker):
        browser = browse(auditor)

        response = browser.get(page_of(campaign))
        assert len(rows_of(response)) == 4
        text = response.content.decode()
        roles = text.split('id="roles"')[1].split("</main>")[0]
        for control in ("<form", "<button", "<input"):
            assert control not in roles

        item = item_of(campaign, worker)
        kept = browser.post(keep_of(campaign), {"item": str(item.public_id)})
        withdrawn = browser.post(withdraw_of(item), {"reason": "Weg"})
        assert (kept.status_code, withdrawn.status_code) == (403, 403)
        assert undecided() == 4

    def test_what_nobody_can_confirm_is_named(self, browse, opened, administrator, auditor):
        campaign = opened()

        rows = rows_of(browse(auditor).get(page_of(campaign)))
        notes = {row.item.person.name: row.note for row in rows}

        assert notes["Aafke Beheer"].startswith("Niemand kan dit bevestigen")
        assert not notes["Carla Controle"].startswith("Niemand")

    def test_a_reviewer_of_a_part_sees_that_part(self, browse, campaign, directorate, worker):
        below = PersonFactory()
        give(below, Role.QUOTA_ADMINISTRATOR, directorate)
        browser = browse(below)

        assert [row.item.person for row in rows_of(browser.get(page_of(campaign)))] == [worker]
        other = campaign.items.exclude(person=worker).first()
        assert browser.post(keep_of(campaign), {"item": str(other.public_id)}).status_code == 404
        assert browser.get(withdraw_of(other)).status_code == 404
        assert undecided() == 4

    def test_another_organization_finds_nothing(self, browse, campaign, elsewhere, worker):
        other = PersonFactory()
        for role in Role:
            give(other, role, elsewhere)
        browser, item = browse(other), item_of(campaign, worker)

        for address in (page_of(campaign), page_of(campaign, "/export"), withdraw_of(item)):
            assert browser.get(address).status_code == 404
        for address in (keep_of(campaign), withdraw_of(item)):
            body = {"item": str(item.public_id), "reason": "x"}
            assert browser.post(address, body).status_code == 404
        assert undecided() == 4
        assert not AuditEntry.objects.filter(actor_id=other.pk).exists()

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ("?role=auditor", ["Carla Controle"]),
            ("?place=zaak", ["Daan de Vries"]),
            ("?place=za%00ak", ["Daan de Vries"]),
            ("?place=nergens", []),
            ("?state=undecided&role=requester", []),
            ("?state=undecided", ["Aafke Beheer", "Bram Beheer", "Carla Controle"]),
            (
                "?role=nonsense&page=99",
                ["Aafke Beheer", "Bram Beheer", "Carla Controle", "Daan de Vries"],
            ),
        ],
    )
    def test_filters(self, browse, campaign, administrator, worker, query, names):
        browser = browse(administrator)
        browser.post(keep_of(campaign), {"item": str(item_of(campaign, worker).public_id)})

        response = browser.get(page_of(campaign, query))

        assert sorted(row.item.person.name for row in rows_of(response)) == names

    def test_by_place(self, browse, campaign, administrator):
        response = browse(administrator).get(page_of(campaign, "?group=place"))

        assert [group.title for group in response.context["groups"]] == [
            "Ministerie",
            "Zaaksysteem",
        ]
        assert "Daan de Vries: aanvrager" in response.content.decode()

    @pytest.mark.parametrize("by", ["", "?group=place"])
    def test_queries_do_not_depend_on_how_many_roles_there_are(
        self,
        browse,
        opened,
        administrator,
        ministry,
        boss,
        django_assert_max_num_queries,
        by,
    ):
        browser, counts = browse(administrator), []
        for number in (5, 195):
            for index in range(number):
                giver = boss if index % 2 else None
                give(PersonFactory(), Role.FINANCE, ministry, by=giver)
            campaign = opened()
            with django_assert_max_num_queries(40) as captured:
                response = browser.get(page_of(campaign, by))
            counts.append(len(captured))
            assert len(rows_of(response)) == min(50, campaign.items.count())
            keep_all(campaign, administrator)

        assert counts[0] == counts[1]

    def test_the_list_asks_as_much_for_one_as_for_many(
        self, browse, campaign, administrator, ministry, django_assert_max_num_queries
    ):
        browser, counts = browse(administrator), []
        for more in (0, 9):
            for days in range(100, 100 + more):
                opened_at = now() - timedelta(days=days)
                due_at = opened_at + timedelta(days=9)
                ReviewCampaign.objects.create(
                    scope="all",
                    root=ministry,
                    opened_at=opened_at,
                    due_at=due_at,
                    closed_at=due_at,
                )
            with django_assert_max_num_queries(30) as captured:
                response = browser.get(reverse("identity:access-reviews"))
            assert len(response.context["rows"]) == 1 + more
            counts.append(len(captured))

        assert counts[0] == counts[1]


class TestExport:
    def read(self, response):
        assert response["Content-Type"] == "text/csv; charset=utf-8"
        text = response.content.decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text)))

    def test_everything_that_one_sees(self, browse, campaign, administrator, auditor, worker):
        browse(administrator).post(
            withdraw_of(item_of(campaign, worker)), {"reason": "Werkt elders"}
        )

        response = browse(auditor).get(page_of(campaign, "/export"))
        rows = {row["person"]: row for row in self.read(response)}

        assert len(rows) == 4
        row = rows["Daan de Vries"]
        assert (row["role"], row["place"], row["origin"], row["granted_by"]) == (
            "requester",
            "Zaaksysteem",
            "portal",
            "Boss",
        )
        assert (row["decision"], row["decided_by"], row["reason"]) == (
            "withdraw",
            "Aafke Beheer",
            "Werkt elders",
        )
        assert row["valid_from"] == "2023-12-31T23:00:00Z"
        assert ".csv" in response["Content-Disposition"]

    def test_only_the_own_branch(self, browse, campaign, directorate, worker):
        below = PersonFactory()
        give(below, Role.QUOTA_ADMINISTRATOR, directorate)

        rows = self.read(browse(below).get(page_of(campaign, "/export")))

        assert [row["person"] for row in rows] == ["Daan de Vries"]

    @pytest.mark.parametrize(
        "name", ["=1+1", "+31", "-2", "@SUM(A1)", "\t=1", " =1", '=HYPERLINK("x")']
    )
    def test_no_spreadsheet_calculates(self, browse, opened, administrator, directorate, name):
        person = PersonFactory(name=name)
        give(person, Role.FINANCE, directorate)

        rows = self.read(browse(administrator).get(page_of(opened(), "/export")))

        assert f"'{name}" in {row["person"] for row in rows}


class TestFirstPage:
    def test_it_counts_what_waits_and_says_until_when(
        self, browse, campaign, administrator, auditor
    ):
        response = browse(administrator).get("/")

        (task,) = reviews_waiting(response)
        assert task.text.startswith("3 rollen wachten op u. U kunt beslissen tot en met")
        assert page_of(campaign) in task.url
        assert '<span class="cl-sidenav__count">3<' in response.content.decode()
        assert reviews_waiting(browse(auditor).get("/")) == []

    @pytest.mark.parametrize(("days", "tone"), [(20, ""), (25, "warn")])
    def test_the_last_week_presses(self, browse, opened, administrator, worker, days, tone):
        opened(now() - timedelta(days=days))

        assert reviews_waiting(browse(administrator).get("/"))[0].tone == tone


def test_projects_of_another_root_are_never_mixed_in(browse, campaign, administrator, elsewhere):
    give(PersonFactory(name="Vreemde"), Role.FINANCE, make_project(elsewhere))

    assert "Vreemde" not in browse(administrator).get(page_of(campaign)).content.decode()
