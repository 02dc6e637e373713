"""The pages about tags: what they show, and what they do with what is typed."""

from __future__ import annotations

import csv
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from billing.models import MeteredResource, TagFact, TagKey
from billing.services.tag_keys import define_tag_key
from portal.identity.models import Node, Organization, Person, Role
from tests.billing.downloads import download
from tests.billing.tags.conftest import member, november, running, tag_from
from tests.billing.visits import visit_as
from tests.factories import UNKNOWN_ID, make_organization, make_project

COSTS = "/costs/tags"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mid_november")]


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing.views.tags.now", lambda: november(16))


@pytest.fixture(autouse=True)
def phase(ministry: Organization, finance: Person, mid_november: None) -> TagKey:
    return define_tag_key(ministry, "fase", actor=finance)


def page_of(node: Node) -> str:
    return f"{COSTS}/{node.public_id}"


def page_of_resource(resource: MeteredResource) -> str:
    return f"/costs/resources/{resource.public_id}/tags"


def text_of(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


class TestCosts:
    def test_what_has_no_value_has_a_row_of_its_own(
        self, server: MeteredResource, finance: Person
    ) -> None:
        tag_from(6, server, "test", finance)

        found = visit_as(finance).get(COSTS).context["found"]

        assert [(row.value, row.amount) for row in found.rows] == [
            ("test", Decimal("100.00")),
            (None, Decimal("50.00")),
        ]
        assert (found.untagged, found.total) == (Decimal("50.00"), Decimal("150.00"))

    def test_a_value_says_where_it_was_used(self, server: MeteredResource, finance: Person) -> None:
        tag_from(1, server, "test", finance)
        found = visit_as(finance).get(COSTS, {"value": "test"}).context["found"]
        assert [(row.project.name, row.amount) for row in found.projects] == [
            ("Zaaksysteem", Decimal("150.00"))
        ]

    def test_only_the_value_that_was_asked_for_is_marked(
        self, server: MeteredResource, finance: Person
    ) -> None:
        tag_from(6, server, "test", finance)
        client = visit_as(finance)

        marked = [
            client.get(COSTS, asked).content.decode().count("cl-selected")
            for asked in ({}, {"value": ""}, {"value": "test"})
        ]

        assert marked == [0, 1, 1]

    def test_the_file_adds_up_to_the_page(self, server: MeteredResource, finance: Person) -> None:
        tag_from(6, server, "test", finance)
        answer = visit_as(finance).get(f"{COSTS}.csv", headers={"accept-language": "en"})
        text = b"".join(answer.streaming_content).decode("utf-8-sig")
        rows = list(csv.reader(text.splitlines(), delimiter=";" if ";" in text else ","))
        amounts = [Decimal(row[-1].replace(",", ".")) for row in rows[1:]]
        assert [row[1] for row in rows[1:]] == ["test", ""]
        assert sum(amounts) == Decimal("150.00")

    @pytest.mark.parametrize(("value", "amount"), [("test", "100"), ("", "50")])
    def test_the_file_has_only_the_lines_of_the_chosen_value(
        self, server: MeteredResource, finance: Person, value: str, amount: str
    ) -> None:
        tag_from(6, server, "test", finance)
        client = visit_as(finance)

        _head, row = download(client, client.get(COSTS, {"value": value}))

        assert (row[1], row[-1]) == (value, amount)

    @override("en")
    def test_without_any_key_it_says_so(self) -> None:
        elsewhere = make_organization()
        answer = visit_as(member(Role.FINANCE, elsewhere)).get(COSTS)
        assert answer.status_code == 200
        assert not answer.context["has_keys"]
        assert not answer.context["form"].errors  # or the title would say that something is wrong

    @pytest.mark.parametrize("key", ["onbekend", "x" * 5000, "\u0000"])
    def test_another_key_is_refused(self, finance: Person, key: str) -> None:
        for path in (COSTS, f"{COSTS}.csv"):
            answer = visit_as(finance).get(path, {"key": key})
            assert answer.status_code == 422
            assert "key" in answer.context["form"].errors

    def test_it_takes_a_role_for_costs(self, ministry: Organization) -> None:
        requester = member(Role.REQUESTER, ministry)
        assert visit_as(requester).get(COSTS).status_code == 403

    def test_the_number_of_queries_does_not_grow(
        self, server: MeteredResource, finance: Person, ministry: Organization
    ) -> None:
        visitor = visit_as(finance)

        def count() -> int:
            with CaptureQueriesContext(
                connection,
            ) as queries:
                assert visitor.get(COSTS, {"value": ""}).status_code == 200
            return len(queries)

        first = count()
        for number in range(5):
            project = make_project(ministry, f"Project {number}")
            tag_from(2, running(project, f"server-{number}"), f"waarde{number}", finance)
        assert count() == first


class TestSetting:
    FORM = {"key": "fase", "value": "test", "starts_on": "01-11-2026"}

    def test_finance_sets_a_tag(self, server: MeteredResource, finance: Person) -> None:
        for path in (page_of(server.project), page_of_resource(server)):
            assert visit_as(finance).post(path, self.FORM).status_code == 303
        assert TagFact.objects.filter(value="test", valid_until=None).count() == 2

    @pytest.mark.parametrize(
        ("field", "typed"),
        [
            ("value", "=HYPERLINK(1)"),
            ("value", "x" * 41),
            ("key", "onbekend"),
            ("key", ""),
            ("starts_on", "31-10-2026"),
            ("starts_on", "gisteren"),
        ],
    )
    def test_what_is_wrong_is_said_at_its_field_and_kept(
        self, server: MeteredResource, finance: Person, field: str, typed: str
    ) -> None:
        answer = visit_as(finance).post(page_of_resource(server), self.FORM | {field: typed})
        assert answer.status_code == 422
        assert list(answer.context["form"].errors) == [field]
        assert answer.context["form"][field].value() == typed
        assert not TagFact.objects.exists()

    def test_others_only_read(self, server: MeteredResource, ministry: Organization) -> None:
        approver = visit_as(member(Role.APPROVER, ministry))
        answer = approver.get(page_of(server.project))
        assert (answer.status_code, answer.context["may_set"]) == (200, False)
        assert approver.post(page_of(server.project), self.FORM).status_code == 403
        assert not TagFact.objects.exists()

    def test_what_is_required_and_missing_is_said(
        self, server: MeteredResource, ministry: Organization, finance: Person
    ) -> None:
        define_tag_key(ministry, "fase", is_required=True, actor=finance)
        answer = visit_as(finance).get(page_of_resource(server), headers={"accept-language": "en"})
        assert [row["tag"].is_missing for row in answer.context["rows"]] == [True]

    def test_a_source_that_one_does_not_see_is_not_named(
        self, server: MeteredResource, ministry: Organization, finance: Person
    ) -> None:
        tag_from(1, ministry, "test", finance)
        local = visit_as(member(Role.FINANCE, server.project))
        assert "Ministerie" not in text_of(local.get(page_of(server.project)))

    def test_what_one_does_not_reach_does_not_exist(self, server: MeteredResource) -> None:
        stranger = visit_as(member(Role.FINANCE, make_organization()))
        for path in (page_of(server.project), page_of_resource(server)):
            assert stranger.get(path).status_code == 404
        assert stranger.get(f"{COSTS}/{UNKNOWN_ID}").status_code == 404


class TestKeys:
    def test_finance_defines_one(self, ministry: Organization, finance: Person) -> None:
        form = {"name": "Team", "allowed_values": "rood\n\nblauw", "is_required": "on"}
        path = f"{page_of(ministry)}/keys"
        assert visit_as(finance).post(path, form).status_code == 303
        key = TagKey.objects.get(name="team")
        assert (key.allowed_values, key.is_required) == (["rood", "blauw"], True)

    def test_the_page_shows_those_of_here_and_above(
        self, ministry: Organization, server: MeteredResource, finance: Person
    ) -> None:
        define_tag_key(
            server.project.parent, "team", allowed_values=["rood"], is_required=True, actor=finance
        )
        pages = [
            text_of(visit_as(finance).get(f"{page_of(node)}/keys", {"key": "team"}))
            for node in (ministry, server.project.parent)
        ]
        assert [("fase" in page, "rood" in page) for page in pages] == [(True, False), (True, True)]

    def test_finance_withdraws_one(self, ministry: Organization, finance: Person) -> None:
        path = f"{page_of(ministry)}/keys"
        assert visit_as(finance).post(path, {"withdraw": "fase"}).status_code == 303
        assert not TagKey.objects.filter(valid_until=None).exists()

    @pytest.mark.parametrize("key", ["", "\x00", "fase\x00", "Fase", "fase "])
    def test_what_is_no_key_breaks_nothing(
        self, ministry: Organization, finance: Person, key: str
    ) -> None:
        visit, path = visit_as(finance), f"{page_of(ministry)}/keys"

        assert visit.get(path, {"key": key}).status_code == 200
        assert visit.post(path, {"withdraw": key}).status_code == 422
        assert TagKey.objects.get().valid_until is None

    def test_what_is_not_there_cannot_be_withdrawn(
        self, ministry: Organization, finance: Person
    ) -> None:
        answer = visit_as(finance).post(f"{page_of(ministry)}/keys", {"withdraw": "onbekend"})
        assert answer.status_code == 422

    @pytest.mark.parametrize(
        ("field", "typed"),
        [
            ("name", "\u0430fdeling"),
            ("name", "a" * 41),
            ("allowed_values", "goed\n=1+1"),
            ("allowed_values", "x" * 100_000),
            ("allowed_values", "\n".join(f"w{n}" for n in range(51))),
        ],
    )
    def test_what_is_wrong_is_said_at_its_field_and_kept(
        self, ministry: Organization, finance: Person, field: str, typed: str
    ) -> None:
        form = {"name": "team", "allowed_values": ""} | {field: typed}
        answer = visit_as(finance).post(f"{page_of(ministry)}/keys", form)
        assert answer.status_code == 422
        assert list(answer.context["form"].errors) == [field]
        assert answer.context["form"][field].value() == typed

    def test_a_project_has_none_of_its_own(self, server: MeteredResource, finance: Person) -> None:
        assert visit_as(finance).get(f"{page_of(server.project)}/keys").status_code == 404
