"""The cart: it holds nothing, its owner alone sees it, and it ends in one order."""

from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.utils.timezone import localdate, now

from catalog.errors import CartChanged, CartFull, LineRefused, OfferingUnavailable
from catalog.models import Cart, CartLine, Metric, Order, Quota, QuotaClaim
from catalog.policies import own_carts
from catalog.services import carts, orders
from catalog.services.carts import look_at, look_at_all, order_cart, put_in_cart, take_from_cart
from catalog.services.limits import set_limit
from portal.core.errors import InvalidInput, NotAllowed
from tests.factories import SPEC, PersonFactory, change_price, withdrawn
from tests.races import at_once, meeting

pytestmark = pytest.mark.django_db


@pytest.fixture
def put(requester, project, version):
    """Puts a server in the cart of the requester."""

    def one(name, **changes):
        terms = {"spec": SPEC, "end_date": None, "owner": requester, "project": project}
        return put_in_cart(offering=version.offering, name=name, **{**terms, **changes})

    return one


@pytest.fixture
def cart(put):
    put("web-01")
    return put("web-02").cart


def send(cart, **changes):
    terms = {"owner": cart.owner, "purpose": "Zaken behandelen", "revision": cart.revision}
    return order_cart(cart.public_id, **{**terms, **changes})


def names(cart):
    return [line.name for line in cart.lines.all()]


def test_it_holds_nothing(cart):
    assert names(cart) == ["web-01", "web-02"]
    assert not QuotaClaim.objects.exists()
    assert not Quota.objects.filter(claimed__gt=0).exists()


def test_nobody_else_sees_it(cart, approver):
    assert own_carts(cart.owner).get() == cart
    assert not own_carts(approver).exists()
    with pytest.raises(Cart.DoesNotExist):
        send(cart, owner=approver)
    with pytest.raises(Cart.DoesNotExist):
        take_from_cart(cart.lines.first().public_id, owner=approver)


def test_what_cannot_be_right_does_not_come_in(put):
    with pytest.raises(InvalidInput):
        put("NO")
    with pytest.raises(InvalidInput):
        put("web", end_date=localdate() - timedelta(days=1))

    assert not CartLine.objects.exists()


def test_who_may_not_order_there_collects_nothing_there(put):
    with pytest.raises(NotAllowed):
        put("web", owner=PersonFactory())


def test_a_line_is_changed_in_its_place_and_taken_out(cart, put):
    first = cart.lines.first()
    put("web-03", instead_of=first.public_id)
    assert names(cart) == ["web-02", "web-03"]

    take_from_cart(cart.lines.first().public_id, owner=cart.owner)
    assert names(cart) == ["web-03"]


def test_what_was_said_first_of_its_purpose_is_kept_until_it_is_empty(put, requester):
    cart = put("web-01", purpose="  Zaken behandelen ").cart
    put("web-02", purpose="Iets anders")
    assert Cart.objects.get().purpose == "Zaken behandelen"
    with pytest.raises(InvalidInput):
        put("web-03", purpose="a\x00b")

    for line in cart.lines.all():
        take_from_cart(line.public_id, owner=requester)
    assert Cart.objects.get().purpose == ""


def test_what_is_put_in_twice_is_in_it_once(cart, put):
    put("web-02", end_date=localdate() + timedelta(days=9))

    assert names(cart) == ["web-01", "web-02"]
    assert cart.lines.last().end_date == localdate() + timedelta(days=9)


def test_there_is_a_most(cart, put, monkeypatch):
    monkeypatch.setattr(carts, "MOST_LINES", 2)

    with pytest.raises(CartFull):
        put("web-03")


def test_the_price_is_that_of_the_moment_it_is_looked_at(cart):
    before = look_at_all(cart, look_at(cart)).quote.monthly
    change_price("server.gp.small", "100")

    assert look_at_all(cart, look_at(cart)).quote.monthly == before + 2 * (100 - Decimal("38.40"))


def test_what_can_no_longer_be_ordered_is_told(cart, version):
    withdrawn(version)
    looked = look_at(cart)

    assert all(item.problem for item in looked)
    assert look_at_all(cart, looked) is None
    with pytest.raises(OfferingUnavailable):
        send(cart)


def test_it_ends_in_one_order(cart):
    order = send(cart)

    cart.refresh_from_db()
    assert cart.order == order
    assert [line.name for line in order.lines.all()] == ["web-01", "web-02"]
    assert not own_carts(cart.owner).exists()
    assert send(cart) == order


def test_what_was_refused_stays_in_the_cart(cart, project):
    set_limit(project, Metric.SERVERS, 1, valid_from=now(), actor=None)

    with pytest.raises(LineRefused):
        send(cart)

    assert own_carts(cart.owner).get() == cart
    assert not Order.objects.exists()


def test_what_was_not_seen_is_not_ordered(cart, put):
    put("web-03")

    with pytest.raises(CartChanged):
        send(cart)


def test_the_next_thing_goes_in_a_new_cart(cart, put):
    send(cart)

    assert put("web-03").cart != cart


@pytest.mark.django_db(transaction=True)
class TestTwiceAtOnce:
    def both(self, cart):
        return at_once(partial(send, cart), partial(send, cart))

    def test_one_order_comes_of_it(self, cart):
        assert self.both(cart) == ["done", "done"]
        assert Order.objects.count() == 1

    def test_the_race_is_real_when_key_and_cart_are_not_looked_at(self, cart, monkeypatch):
        monkeypatch.setattr(orders, "_lock_cart", meeting(lambda read: None))
        monkeypatch.setattr(orders, "place_once", lambda asked, place: place())

        assert "IntegrityError" in self.both(cart)
