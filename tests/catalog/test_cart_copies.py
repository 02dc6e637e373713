"""What an earlier order asked for, put in the cart again: all that can still be ordered."""

from datetime import timedelta

import pytest
from django.utils.timezone import localdate, now
from django.utils.translation import override

from catalog.models import Cart, CartLine
from catalog.services import carts
from catalog.services.cart_copies import copy_to_cart
from catalog.services.carts import look_at, look_at_all, put_in_cart
from catalog.services.orders import withdraw_order
from portal.audit.models import AuditEntry
from portal.cloud.models import Image
from portal.core.calendar import day_of, start_of_day
from portal.core.errors import NotAllowed
from portal.identity.models import Role
from tests.factories import (
    SPEC,
    OfferingVersionFactory,
    PersonFactory,
    asked,
    grant,
    place_lines,
    withdrawn,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def earlier(requester, project, version):
    """Two servers, of which one is needed for two months."""
    until = localdate() + timedelta(days=60)
    larger = {**SPEC, "volume_gib": 70}
    return place_lines(
        requester,
        project,
        asked(version, "web-01", end_date=until),
        asked(version, "web-02", spec=larger),
    )


@pytest.fixture
def over(earlier, requester):
    """The same, taken back: the names are free."""
    return withdraw_order(earlier.public_id, actor=requester)


def names(copied):
    return [line.name for line in copied.lines]


def reasons(copied):
    return {item.name: item.why for item in copied.left_out}


def test_everything_goes_in_the_cart_as_it_was(over, requester):
    copied = copy_to_cart(over, owner=requester)

    cart = Cart.objects.get()
    assert (cart.owner, cart.project) == (requester, over.project)
    assert list(cart.lines.all()) == copied.lines
    assert [(line.name, line.spec["volume_gib"], line.end_date) for line in copied.lines] == [
        ("web-01", 40, localdate() + timedelta(days=60)),
        ("web-02", 70, None),
    ]
    assert copied.left_out == []
    assert look_at_all(cart, look_at(cart)) is not None
    assert AuditEntry.objects.filter(event="cart.line_put").count() == 2


def test_a_name_that_is_taken_gets_a_number(earlier, requester):
    assert names(copy_to_cart(earlier, owner=requester)) == ["web-01-2", "web-02-2"]


def test_no_name_is_given_twice(requester, project, version):
    order = place_lines(requester, project, asked(version, "web"), asked(version, "web-2"))

    assert names(copy_to_cart(order, owner=requester)) == ["web-3", "web-2-2"]


def test_a_long_name_stays_short_enough(requester, project, version):
    longest = "a" * 63
    order = place_lines(requester, project, asked(version, longest), asked(version, "web"))

    assert names(copy_to_cart(order, owner=requester))[0] == "a" * 61 + "-2"


@override("en")
@pytest.mark.parametrize("which", ["earlier", "over"])
def test_asking_for_it_twice_puts_it_in_once(which, requester, request):
    order = request.getfixturevalue(which)
    first = copy_to_cart(order, owner=requester)
    second = copy_to_cart(order, owner=requester)

    assert second.lines == []
    assert set(reasons(second).values()) == {"It is in your cart already."}
    assert list(CartLine.objects.all()) == first.lines


def test_what_was_in_the_cart_by_that_name_stays(over, requester, version):
    own = put_in_cart(
        owner=requester,
        project=over.project,
        offering=version.offering,
        name="web-01",
        spec={**SPEC, "volume_gib": 90},
        end_date=None,
    )

    assert names(copy_to_cart(over, owner=requester)) == ["web-01-2", "web-02"]
    own.refresh_from_db()
    assert own.spec["volume_gib"] == 90


@override("en")
def test_what_is_no_longer_offered_is_left_out_with_why(requester, project, version):
    debian = asked(version, "web-01")
    order = place_lines(requester, project, debian, asked(version, "web-02"))
    Image.objects.filter(name="Debian 12").update(gone_at=now())

    copied = copy_to_cart(order, owner=requester)

    assert copied.lines == []
    assert reasons(copied)["web-01"] == "“Debian 12” (Operating system) is no longer offered."
    assert not Cart.objects.filter(lines__isnull=False).exists()


@override("en")
def test_what_left_the_catalogue_is_left_out_with_why(over, requester, version):
    withdrawn(version)

    copied = copy_to_cart(over, owner=requester)

    assert copied.lines == []
    assert "can no longer be ordered" in reasons(copied)["web-01"]


@override("en")
def test_what_does_not_fit_in_the_cart_is_left_out(over, requester, monkeypatch):
    monkeypatch.setattr(carts, "MOST_LINES", 1)

    copied = copy_to_cart(over, owner=requester)

    assert names(copied) == ["web-01"]
    assert list(reasons(copied)) == ["web-02"]


def test_where_an_end_date_is_needed_by_now_it_is_the_last_one(requester, over, version):
    withdrawn(version)
    OfferingVersionFactory(offering=version.offering, number=2, maximum_term_days=30)

    copied = copy_to_cart(over, owner=requester)

    assert {line.end_date for line in copied.lines} == {localdate() + timedelta(days=30)}


def test_of_an_old_order_the_term_begins_today(over, requester):
    hundred_days_ago = day_of(over.submitted_at) - timedelta(days=100)
    over.submitted_at = start_of_day(hundred_days_ago)  # it never changes in the database

    line, _without = copy_to_cart(over, owner=requester).lines

    assert line.end_date == localdate() + timedelta(days=160)


@pytest.mark.parametrize("role", [Role.APPROVER, Role.OPERATOR, None])
def test_only_who_orders_there_now(over, role):
    person = PersonFactory()
    if role:
        grant(person, role, over.project)

    with pytest.raises(NotAllowed):
        copy_to_cart(over, owner=person)

    assert not Cart.objects.exists()


def test_a_colleague_has_it_in_a_cart_of_their_own(over):
    colleague = PersonFactory()
    grant(colleague, Role.REQUESTER, over.project)

    assert copy_to_cart(over, owner=colleague).lines[0].cart.owner == colleague
