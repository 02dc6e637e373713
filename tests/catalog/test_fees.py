"""What an offering costs besides what is used: for each thing that is delivered."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.utils.translation import override

from billing.models import PriceUnit, UsageSpan
from catalog.kinds import get_kind
from catalog.kinds.fees import decided_by_offering
from catalog.models import OfferingVersion
from catalog.services.offering_checks import problems_of
from catalog.services.offering_facts import words_of
from catalog.services.offerings import create_offering, edit_draft
from catalog.services.preview import preview_of_order
from portal.core.errors import InvalidInput
from tests.catalog.test_offerings import TEXTS, content_of
from tests.factories import CloudFactory, delivered, place, place_whole, reoffered
from tests.factories.billing import SkuFactory, set_price

pytestmark = pytest.mark.django_db
SETUP, CARE = "fee.setup", "fee.care"


@pytest.fixture
def fees(db: None) -> None:
    """Setting up costs 25 euros once, and looking after it 12.50 a month."""
    set_price("25.00", sku=SETUP, unit=PriceUnit.ONE_OFF)
    set_price("12.50", sku=CARE, unit=PriceUnit.MONTH)


@pytest.fixture
def managed(fees: None, version: OfferingVersion) -> OfferingVersion:
    """The virtual server, set up and looked after."""
    return reoffered(version, fees=[CARE, SETUP])


def metered(resource: Any) -> dict[str, Decimal]:
    spans = UsageSpan.objects.filter(resource__public_id=resource.public_id, ended_at=None)
    return dict(spans.values_list("sku__code", "quantity"))


def test_fees_stand_in_the_price_of_an_order_and_are_metered(
    requester: Any, approver: Any, project: Any, version: Any, fees: None
) -> None:
    plain = preview_of_order(place(requester, project, version)).quote
    order = place(requester, project, reoffered(version, fees=[CARE, SETUP]))
    quoted = preview_of_order(order).quote

    server = delivered(order, approver=approver)

    assert quoted.monthly == plain.monthly + Decimal("12.50")
    assert (plain.one_off, quoted.one_off) == (0, Decimal("25.00"))
    assert metered(server) == {
        "server.gp.small": 1,
        "volume.standard": 40,
        CARE: 1,
        SETUP: 1,
    }


def test_what_was_ordered_without_fees_never_pays_them(
    requester: Any, approver: Any, project: Any, version: Any, fees: None
) -> None:
    order = place(requester, project, version)
    reoffered(version, fees=[SETUP])

    assert SETUP not in metered(delivered(order, approver=approver))


def test_each_part_of_a_whole_has_the_fees_of_its_own_offering(
    requester: Any, project: Any, managed: Any
) -> None:
    quoted = preview_of_order(place_whole(requester, project, managed)).quote

    assert quoted.one_off == Decimal("25.00")
    assert [line.sku for line in quoted.lines if line.sku.startswith("fee.")] == [CARE, SETUP]


def test_a_whole_is_asked_for_no_fees_of_its_own(fees: None) -> None:
    cloud = CloudFactory()

    names = {
        kind: [field.name for field in decided_by_offering(get_kind(kind), cloud)]
        for kind in ("blueprint", "volume")
    }

    assert "fees" in names["volume"]
    assert "fees" not in names["blueprint"]


def test_where_there_are_no_fees_nobody_is_asked() -> None:
    fields = decided_by_offering(get_kind("volume"), CloudFactory())

    assert "fees" not in [field.name for field in fields]


@override("en")
def test_who_makes_the_catalogue_ticks_them(platform: Any, fees: None) -> None:
    draft = create_offering(
        code="disk", kind="volume", cloud=CloudFactory(), texts=TEXTS, actor=platform.drafter
    )
    without = draft.choices

    edit_draft(
        draft.public_id,
        content_of(draft, choices={**without, "fees": [SETUP]}),
        actor=platform.drafter,
    )
    draft.refresh_from_db()

    assert without["fees"] == []
    assert draft.choices["fees"] == [SETUP]
    assert words_of(draft)["Fees"] == "fee.setup (en)"


@pytest.mark.parametrize("code", ["fee.none", "server.gp.small", "' OR 1=1"])
@override("en")
def test_what_is_no_fee_is_refused(platform: Any, fees: None, code: str) -> None:
    SkuFactory(code="server.gp.small")
    draft = create_offering(
        code="disk", kind="volume", cloud=CloudFactory(), texts=TEXTS, actor=platform.drafter
    )
    content = content_of(draft, choices={**draft.choices, "fees": [code]})

    with pytest.raises(InvalidInput) as refused:
        edit_draft(draft.public_id, content, actor=platform.drafter)

    assert refused.value.errors["fees"] == [f"There is no such fee: {code}."]
    draft.refresh_from_db()
    assert draft.choices["fees"] == []


def test_a_fee_without_a_price_is_not_published(fees: None, version: Any) -> None:
    SkuFactory(code="fee.later")
    version.choices = {**version.choices, "fees": ["fee.later"]}

    assert any("fee.later" in problem for problem in problems_of(version))
