"""Tags that an organization requires: asked with the order, set on what is delivered."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import localdate, now
from django.utils.translation import override

from billing.models import MeteredResource, TagFact, TagKey
from billing.services.order_tags import tag_as_ordered, tag_questions
from billing.services.tags import set_tag, tags_of
from catalog.errors import IdempotencyConflict
from catalog.models import CartLine, Order
from catalog.services.cart_copies import copy_to_cart
from catalog.services.carts import look_at, order_cart, put_in_cart
from catalog.services.resources import retire_resource
from portal.audit.models import AuditEntry
from portal.core.calendar import start_of_day
from portal.core.errors import InvalidInput
from portal.identity.models import Person, Role
from tests.billing.visits import visit_as
from tests.factories import PersonFactory, delivered, grant, place, place_whole
from tests.factories.catalog import SPEC

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def english() -> Any:
    with override("en"):
        yield


@pytest.fixture
def phase(project: Any) -> TagKey:
    """Required, and one of two."""
    return define(project, "fase", ["test", "productie"])


def define(project: Any, name: str, values: Any = (), **facts: Any) -> TagKey:
    return TagKey.objects.create(
        organization_id=project.parent_id,
        name=name,
        allowed_values=list(values),
        valid_from=now() - timedelta(days=1),
        **{"is_required": True, **facts},
    )


def inherit(node: Any, key: str, value: str) -> TagFact:
    start = start_of_day(localdate())
    return TagFact.objects.create(node_id=node.pk, key=key, value=value, valid_from=start)


def current(resource: Any) -> dict[str, str | None]:
    """What holds for it now, by key."""
    metered = MeteredResource.objects.select_related("project").get(public_id=resource.public_id)
    return {tag.key: tag.current.value if tag.current else None for tag in tags_of(metered)}


def refusal(*arguments: Any, **options: Any) -> dict[str, list[str]]:
    with pytest.raises(InvalidInput) as refused:
        place(*arguments, **options)
    return {name: list(texts) for name, texts in refused.value.errors.items()}


class TestOrdering:
    def test_without_what_is_required_nothing_is_ordered(self, requester, project, version, phase):
        assert refusal(requester, project, version) == {
            "tags.fase": ["Give the tag “fase” a value."]
        }
        assert not Order.objects.exists()

    def test_all_that_is_wrong_comes_in_one_answer(self, requester, project, version, phase):
        define(project, "team")

        found = refusal(
            *(requester, project, version),
            tags={"fase": "acceptatie", "kleur": "rood", "team": " "},
            name="Web 01",
        )

        assert found.keys() == {"name", "tags.fase", "tags.kleur", "tags.team"}
        assert found["tags.fase"] == ["Choose one of these: test, productie."]

    def test_what_is_inherited_need_not_be_said_and_is_not_kept(
        self, requester, project, version, phase
    ):
        inherit(project.parent, "fase", "test")

        silent = place(requester, project, version)
        same = place(requester, project, version, tags={"fase": "test"})
        other = place(requester, project, version, tags={"fase": "productie"})

        assert [order.lines.get().tags for order in (silent, same, other)] == [
            *({}, {}),
            {"fase": "productie"},
        ]

    def test_what_is_inherited_counts_also_where_it_is_no_longer_allowed(
        self, requester, project, version, phase
    ):
        inherit(project, "fase", "acceptatie")

        assert (
            place(requester, project, version, tags={"fase": "acceptatie"}).lines.get().tags == {}
        )

    def test_what_is_not_required_may_be_said(self, requester, project, version):
        define(project, "team", is_required=False)

        assert place(requester, project, version).lines.get().tags == {}
        order = place(requester, project, version, tags={"team": "zaken"})
        assert order.lines.get().tags == {"team": "zaken"}

    def test_one_answer_counts_for_every_part_of_a_whole(self, requester, project, version, phase):
        order = place_whole(requester, project, version, tags={"fase": "test"})

        assert [line.tags for line in order.lines.all()] == [{"fase": "test"}]

    def test_another_answer_is_another_order(self, requester, project, version, phase):
        place(requester, project, version, key="k-1", name="web-01", tags={"fase": "test"})
        again = place(requester, project, version, key="k-1", name="web-01", tags={"fase": "test"})

        assert Order.objects.get() == again
        with pytest.raises(IdempotencyConflict):
            place(requester, project, version, key="k-1", name="web-01", tags={"fase": "productie"})


class TestDelivery:
    def test_what_is_delivered_has_them_from_the_first_day(
        self, requester, approver, project, version, phase
    ):
        server = delivered(
            place(requester, project, version, tags={"fase": "test"}), approver=approver
        )

        assert current(server) == {"fase": "test"}
        fact = TagFact.objects.get()
        assert fact.resource is not None
        assert fact.resource.spans.earliest("started_at").started_at >= fact.valid_from
        entry = AuditEntry.objects.get(event="tag.set")
        assert (entry.actor_id, entry.data["value"]) == (None, "test")

    def test_key_withdrawn_meanwhile_is_left_out(
        self, requester, approver, project, version, phase
    ):
        order = place(requester, project, version, tags={"fase": "test"})
        TagKey.objects.update(valid_until=now())

        assert current(delivered(order, approver=approver)) == {}

    def test_value_no_longer_allowed_is_left_out_and_shows_as_missing(
        self, requester, approver, project, version, phase
    ):
        order = place(requester, project, version, tags={"fase": "test"})
        TagKey.objects.update(valid_until=now())
        define(project, "fase", ["acceptatie"])

        server = delivered(order, approver=approver)

        assert current(server) == {"fase": None}
        metered = MeteredResource.objects.get(public_id=server.public_id)
        assert [tag.is_missing for tag in tags_of(metered)] == [True]

    def test_what_somebody_said_of_it_since_stays(
        self, requester, approver, project, version, phase
    ):
        server = delivered(
            place(requester, project, version, tags={"fase": "test"}), approver=approver
        )
        finance = PersonFactory()
        grant(finance, Role.FINANCE, project.parent)
        metered = MeteredResource.objects.get(public_id=server.public_id)
        set_tag(metered, "fase", value="productie", starts_on=localdate(), actor=finance)

        tag_as_ordered(server.public_id, {"fase": "test"}, began_at=now())

        assert current(server) == {"fase": "productie"}

    def test_use_that_began_in_a_closed_month_is_tagged_from_the_first_open_day_on(
        self, requester, approver, project, version, phase, monkeypatch
    ):
        first_open = localdate() + timedelta(days=1)
        monkeypatch.setattr("billing.services.order_tags.earliest_change", lambda: first_open)

        delivered(place(requester, project, version, tags={"fase": "test"}), approver=approver)

        assert TagFact.objects.get().valid_from == start_of_day(first_open)

    def test_cleaning_up_needs_no_tags(self, requester, approver, project, version, phase):
        server = delivered(
            place(requester, project, version, tags={"fase": "test"}), approver=approver
        )
        TagKey.objects.update(valid_until=now())

        assert retire_resource(server.public_id, actor=requester, confirmation=server.name)


class TestCart:
    @pytest.fixture
    def put(self, requester: Person, project: Any, version: Any) -> Any:
        def put(name: str = "web-01", **options: Any) -> CartLine:
            return put_in_cart(
                owner=requester,
                project=project,
                offering=version.offering,
                name=name,
                spec=SPEC,
                end_date=None,
                **options,
            )

        return put

    def order(self, line: CartLine) -> Order:
        line.cart.refresh_from_db()
        cart = line.cart
        return order_cart(cart.public_id, owner=cart.owner, purpose="Zaken", revision=cart.revision)

    def test_every_thing_in_it_has_its_own(self, put, phase):
        put("web-01", tags={"fase": "test"})
        line = put("web-02", tags={"fase": "productie"})

        order = self.order(line)

        assert [line.tags["fase"] for line in order.lines.order_by("name")] == [
            *("test", "productie")
        ]

    def test_without_what_is_required_it_does_not_go_in(self, put, phase):
        with pytest.raises(InvalidInput):
            put()

        assert not CartLine.objects.exists()

    def test_what_became_required_since_is_told_and_refused(self, put, project):
        line = put()
        define(project, "fase")

        (looked,) = look_at(line.cart)

        assert looked.problem == "Give the tag “fase” a value."
        with pytest.raises(InvalidInput):
            self.order(line)

    def test_what_was_withdrawn_since_is_passed_over(self, put, phase):
        line = put(tags={"fase": "test"})
        TagKey.objects.update(valid_until=now())

        assert look_at(line.cart)[0].problem == ""
        assert self.order(line).lines.get().tags == {}

    def test_copy_of_an_order_keeps_its_tags_and_goes_in_without(
        self, requester, approver, project, version, phase
    ):
        tagged = place(requester, project, version, name="web-01", tags={"fase": "test"})
        TagKey.objects.update(valid_until=now())
        untagged = place(requester, project, version, name="web-02")
        define(project, "fase", ["test"])

        copied = [copy_to_cart(order, owner=requester) for order in (tagged, untagged)]

        assert [item.lines[0].tags for item in copied] == [{"fase": "test"}, {}]
        problems = [looked.problem for looked in look_at(copied[0].lines[0].cart)]
        assert problems == ["", "Give the tag “fase” a value."]


def test_projects_without_keys_cost_one_query(project, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert tag_questions(project) == []


class TestPageOfTheResource:
    def page(self, person: Person, resource: Any) -> str:
        response = visit_as(person).get(f"/resources/{resource.public_id}")
        assert response.status_code == 200
        body: str = response.content.decode()
        return body

    def test_shows_its_tags_and_lets_finance_change_them(
        self, requester, approver, project, version, phase
    ):
        server = delivered(
            place(requester, project, version, tags={"fase": "test"}), approver=approver
        )
        finance = PersonFactory()
        grant(finance, Role.FINANCE, project.parent)

        mine, theirs = self.page(requester, server), self.page(finance, server)

        address = f'href="/costs/resources/{server.public_id}/tags"'
        assert address in mine
        assert address in theirs
        assert "View tags" in mine
        assert "Change tags" in theirs
        assert re.search(r"fase.{0,80}test", re.sub(r"<[^>]+>", " ", theirs), re.S)

    def test_says_what_is_required_and_missing(self, requester, approver, project, version):
        server = delivered(place(requester, project, version), approver=approver)
        define(project, "fase")

        assert "Required, not yet tagged" in self.page(requester, server)

    def test_has_no_such_card_where_there_are_no_tags(self, requester, approver, project, version):
        server = delivered(place(requester, project, version), approver=approver)

        assert "View tags" not in self.page(requester, server)
