"""Ordering several things as one: one claim, one price, one decision; all of it or nothing."""

from copy import deepcopy
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Sum
from django.utils.timezone import now
from django.utils.translation import override

from catalog.errors import LineRefused, OfferingUnavailable
from catalog.kinds import get_kind
from catalog.kinds.base import PartRequest
from catalog.models import (
    Assembly,
    LineNeed,
    Metric,
    Offering,
    Order,
    OrderLine,
    Quota,
    QuotaClaim,
)
from catalog.policies import projects_to_order_in
from catalog.quota_errors import QuotaExceeded
from catalog.services.cart_copies import copy_to_cart
from catalog.services.carts import look_at, look_at_all, put_in_cart
from catalog.services.conditions import changed_conditions
from catalog.services.limits import set_limit
from catalog.services.offering_checks import asked_skus, problems_of, versions_to_price
from catalog.services.offering_facts import words_of
from catalog.services.offers import starting_prices
from catalog.services.orders import withdraw_order
from catalog.services.preview import preview, preview_of_order
from portal.core.errors import InvalidInput
from portal.web.demo.catalogue import WEB_APPLICATION
from tests.catalog.blueprints.conftest import ANSWERS
from tests.constraints import refused_by
from tests.factories import (
    OfferingVersionFactory,
    asked,
    end_price,
    make_organization,
    place,
    place_lines,
    withdrawn,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def english():
    with override("en"):
        yield


def line(order, part):
    return order.lines.get(part=part)


def reread(version):
    return type(version).objects.select_related("offering", "cloud").get(pk=version.pk)


class TestPlacing:
    def test_parts_count_among_what_one_order_may_ask(self, requester, project, blueprint):
        wholes = [asked(blueprint, f"zaak-{number}", spec=ANSWERS) for number in range(9)]

        with pytest.raises(InvalidInput) as refusal:
            place_lines(requester, project, *wholes)
        assert refusal.value.errors.keys() == {"lines"}
        assert not Order.objects.exists()

    def test_it_becomes_a_line_for_every_part_after_what_that_needs(self, order):
        keys = [item.part for item in order.lines.all()]

        assert keys == ["network", "database", "web", "web-1", "web-2", "entrance", "domain"]
        assert [item.name for item in order.lines.all()][:2] == ["zaak-net", "zaak-data"]
        pairs = LineNeed.objects.values_list("line__part", "needed__part")
        assert sorted(pairs) == [
            ("domain", "entrance"),
            ("entrance", "network"),
            ("entrance", "web-1"),
            ("entrance", "web-2"),
            ("web-1", "network"),
            ("web-1", "web"),
            ("web-2", "network"),
            ("web-2", "web"),
        ]

    def test_answers_and_fixed_values_are_in_the_parts_and_wires_wait(self, order):
        server, entrance = line(order, "web-1"), line(order, "entrance")

        assert (server.spec["flavor"], server.spec["volume_gib"]) == ("gp.small", 10)
        assert server.spec["network"] is None
        assert entrance.spec["members"] is None
        assert entrance.wiring == {
            "network": "{network.network}",
            "members": "{web-1.address}:8080\n{web-2.address}:8080",
        }
        assert Assembly.objects.get().spec == ANSWERS

    def test_the_price_is_that_of_all_parts_and_what_was_shown_before(
        self, order, project, blueprint
    ):
        shown = preview(project=project, version=blueprint, spec=ANSWERS, end_date=None)

        assert order.monthly_price == shown.quote.monthly == Decimal("103.7")
        assert order.lines.aggregate(total=Sum("monthly_price"))["total"] == order.monthly_price
        assert preview_of_order(order).quote.monthly == order.monthly_price
        assert {e.metric: e.asked for e in shown.quota}[Metric.SERVERS] == 2

    def test_what_does_not_fit_claims_nothing_at_all(self, requester, project, blueprint):
        set_limit(project, Metric.SERVERS, Decimal(1), valid_from=now(), actor=None)

        with pytest.raises(QuotaExceeded):
            place(requester, project, blueprint, name="zaak", spec=ANSWERS)

        assert not Order.objects.exists()
        assert not QuotaClaim.objects.exists()
        assert not Quota.objects.exclude(claimed=0).exists()

    def test_of_several_the_line_that_was_sent_is_named(self, requester, project, blueprint):
        set_limit(project, Metric.SERVERS, Decimal(3), valid_from=now(), actor=None)
        wholes = [asked(blueprint, name, spec=ANSWERS) for name in ("een", "twee")]

        with pytest.raises(LineRefused) as refusal:
            place_lines(requester, project, *wholes)
        assert refusal.value.field == "lines.2"

    def test_what_a_part_refuses_stands_at_its_question(self, requester, project, blueprint):
        wrong = {**ANSWERS, "zone": "not a domain", "flavor": "gp.huge"}

        with pytest.raises(InvalidInput) as refusal:
            place(requester, project, blueprint, name="zaak", spec=wrong)

        assert set(refusal.value.errors) == {"zone", "flavor"}

    def test_a_name_too_long_for_a_part_is_said_at_the_name(self, requester, project, blueprint):
        with pytest.raises(InvalidInput) as refusal:
            place(requester, project, blueprint, name="z" * 60, spec=ANSWERS)

        assert set(refusal.value.errors) == {"name"}

    def test_a_part_that_is_no_longer_offered_makes_it_impossible(
        self, requester, project, blueprint, parts
    ):
        withdrawn(parts[0])
        late = reread(blueprint)

        assert starting_prices([late], project) == {late.pk: None}
        with pytest.raises(InvalidInput):
            place(requester, project, late, name="zaak", spec=ANSWERS)

    def test_a_part_withdrawn_at_the_last_moment_refuses_all(
        self, requester, project, blueprint, parts
    ):
        assert blueprint.neighbours  # as the form saw it
        withdrawn(parts[0])

        with pytest.raises(OfferingUnavailable):
            place(requester, project, blueprint, name="zaak", spec=ANSWERS)

    def test_nothing_seems_worse_to_the_approver(self, order):
        assert changed_conditions(order) == []

    def test_it_has_one_starting_price(self, project, blueprint):
        assert starting_prices([blueprint], project)[blueprint.pk].monthly == Decimal("102.09")


class TestKind:
    def test_its_questions_are_those_of_the_kinds(self, blueprint):
        asked = {item.name: item for item in get_kind("blueprint").parameters(blueprint)}

        assert list(asked) == [item["name"] for item in WEB_APPLICATION["parameters"]]
        assert [option.value for option in asked["flavor"].options] == ["gp.small"]
        assert len(asked["flavor"].options[0].meters) == 2, "it is paid for twice"
        assert (asked["database_gib"].minimum, asked["database_gib"].maximum) == (1, 100)

    def test_it_is_never_made_without_one_of_its_parts(self, blueprint, parts):
        withdrawn(parts[0])

        with pytest.raises(OfferingUnavailable):
            get_kind("blueprint").expand(reread(blueprint), "zaak", ANSWERS)

    def test_every_part_says_what_it_needs(self, blueprint):
        requests = get_kind("blueprint").expand(blueprint, "zaak", ANSWERS)

        assert all(isinstance(request, PartRequest) for request in requests)
        assert requests[-1].needs == {"entrance": ""}


class TestPublishing:
    def problems(self, blueprint, raw):
        other = OfferingVersionFactory(
            offering=Offering.objects.create(code="other", kind="blueprint"),
            cloud=blueprint.cloud,
            choices={"design": raw},
        )
        return " ".join(problems_of(other))

    def changed(self, key, **spec):
        raw = deepcopy(WEB_APPLICATION)
        for item in raw["parts"]:
            if item["key"] == key:
                item["spec"] = {**item["spec"], **spec}
        return raw

    def test_the_demonstration_can_be_published(self, blueprint):
        assert problems_of(blueprint) == []

    def test_it_asks_for_the_skus_of_its_parts_whatever_it_was_read_with(self, blueprint):
        (read,) = [version for version in versions_to_price() if version == blueprint]

        assert asked_skus(read) == asked_skus(reread(blueprint))
        assert "load_balancer" in asked_skus(read)

    @pytest.mark.parametrize(
        ("part", "spec", "problem"),
        [
            ("network", {"colour": "red"}, "“colour” is not asked of a private network"),
            ("network", {"cidr": "8.8.8.0/24"}, "network, cidr: "),
            ("domain", {"records": {"wire": "www A {database.address}"}}, "has no “address”"),
            ("web-1", {"volume_gib": {"wire": "{network.network}"}}, "cannot come from"),
            ("entrance", {"protocol": {"wire": "{web-1.address}"}}, "cannot come from"),
            ("entrance", {"network": {"wire": "{web-1.address}"}}, "cannot come from"),
        ],
    )
    def test_what_the_kinds_cannot_do_is_said(self, blueprint, part, spec, problem):
        assert problem in self.problems(blueprint, self.changed(part, **spec))

    def test_what_is_typed_is_read_as_it_was_written(self, blueprint):
        (field,) = get_kind("blueprint").choice_fields(blueprint.cloud)

        assert field.clean(field.read(field.write(WEB_APPLICATION))) == WEB_APPLICATION
        with pytest.raises(ValueError, match="JSON"):
            field.clean(field.read('{"parts": ['))

    def test_who_decides_on_it_reads_all_of_it(self, blueprint):
        words = words_of(blueprint)["Design"]

        for part in WEB_APPLICATION["parts"]:
            assert f"{part['key']} = {part['offering']}" in words
        assert "{web-1.address}:8080" in words

    def test_a_blueprint_is_no_part_of_a_blueprint(self, blueprint):
        raw = deepcopy(WEB_APPLICATION)
        raw["parts"][0] |= {"offering": "web-application", "spec": {}}

        assert "“web-application” is not offered" in self.problems(blueprint, raw)

    def test_every_part_needs_its_price(self, blueprint):
        end_price("router")

        assert "router" in problems_of(reread(blueprint))[0]


class TestHiddenPart:
    @pytest.fixture(autouse=True)
    def hidden(self, parts):
        """The network is from now on for another organization alone."""
        network = withdrawn(parts[0])
        OfferingVersionFactory(
            offering=network.offering,
            cloud=network.cloud,
            name_en="Network",
            choices=network.choices,
            visible_to=[make_organization()],
        )

    def test_keeps_the_whole_from_being_published(self, blueprint):
        said = "“Network” is not offered to everybody for whom this is."
        assert problems_of(reread(blueprint)) == [said]

    def test_leaves_no_form_where_it_cannot_be_ordered(self, blueprint, requester):
        assert not projects_to_order_in(requester, reread(blueprint)).exists()


def test_a_wrong_name_of_a_part_is_told_before_the_whole_is_in_the_cart(
    blueprint, requester, project
):
    with pytest.raises(InvalidInput) as refusal:
        put_in_cart(
            owner=requester,
            project=project,
            offering=blueprint.offering,
            name="z" * 60,
            spec=ANSWERS,
            end_date=None,
        )

    assert set(refusal.value.errors) == {"name"}


class TestCopying:
    """An earlier order, put in the cart again."""

    @pytest.fixture
    def mixed(self, requester, project, blueprint, version):
        whole = asked(blueprint, "zaak", spec=ANSWERS)
        return place_lines(requester, project, whole, asked(version, "los"))

    def test_a_whole_goes_in_as_a_whole(self, mixed, requester, blueprint):
        withdraw_order(mixed.public_id, actor=requester)
        copied = copy_to_cart(mixed, owner=requester)

        assert copied.left_out == []
        assert [(item.offering.code, item.name) for item in copied.lines] == [
            ("web-application", "zaak"),
            ("virtual-server", "los"),
        ]
        assert copied.lines[0].spec == ANSWERS
        together = look_at_all(copied.lines[0].cart, look_at(copied.lines[0].cart))
        assert together.quote.monthly == mixed.monthly_price

    def test_its_name_is_one_that_its_parts_can_have(self, requester, project, blueprint, version):
        mixed = place_lines(
            requester, project, asked(version, "los"), asked(blueprint, "zaak", spec=ANSWERS)
        )
        withdraw_order(mixed.public_id, actor=requester)
        place(requester, project, version, name="zaak-web-1")

        copied = copy_to_cart(mixed, owner=requester)

        assert [item.name for item in copied.lines] == ["los", "zaak-2"]

    def test_a_whole_of_which_a_part_is_gone_is_left_out(self, mixed, requester, parts):
        withdrawn(next(part for part in parts if part.offering.code == "volume"))
        withdraw_order(mixed.public_id, actor=requester)

        copied = copy_to_cart(mixed, owner=requester)

        assert [item.name for item in copied.lines] == ["los"]
        assert [item.name for item in copied.left_out] == ["zaak"]
        assert copied.left_out[0].why


class TestGuards:
    def test_a_need_never_goes_back_or_sideways(self, order):
        network, domain = line(order, "network"), line(order, "domain")

        with refused_by("line_need_of_an_earlier_part_of_the_same_assembly"):
            LineNeed.objects.create(line=network, needed=domain)
        with refused_by("line_need_of_an_earlier_part_of_the_same_assembly"):
            LineNeed.objects.create(line=network, needed=network)

    def test_what_was_asked_stays(self, order):
        with refused_by("assembly_is_append_only"):
            Assembly.objects.update(name="anders")
        with refused_by("line_need_is_append_only"):
            LineNeed.objects.all().delete()

    def test_a_part_belongs_to_the_order_of_its_whole(self, order, requester, project, version):
        other = place(requester, project, version)
        copied = line(order, "network")
        copied.pk, copied.order, copied.position = None, other, 2
        copied.public_id, copied.part = other.public_id, "else"
        copied.claim = QuotaClaim.objects.create(project=project, expires_at=now())

        with refused_by("order_line_belongs_to_order_of_its_assembly"):
            copied.save(force_insert=True)

    def test_only_a_part_has_a_whole_and_wires(self, order):
        copied = line(order, "network")
        copied.pk, copied.assembly, copied.position = None, None, 9
        with pytest.raises(IntegrityError, match="a_part_of_it"), transaction.atomic():
            OrderLine.objects.bulk_create([copied])
