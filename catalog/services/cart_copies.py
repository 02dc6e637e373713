"""Putting in the cart what an earlier order asked for, as far as it can still be ordered.

Asking for it twice puts it in once: what is in the cart already stays as it is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from django.db import transaction
from django.utils.timezone import localdate

from catalog.errors import CartFull, InCartAlready, NameTaken, OfferingUnavailable
from catalog.kinds import get_kind
from catalog.models import Assembly, Cart, CartLine, OfferingVersion, Order, OrderLine
from catalog.services.carts import (
    add_lines,
    check_may_collect,
    in_words,
    keep_purpose,
    offered_in_cart_of,
    open_cart,
    room_in,
)
from catalog.services.offers import no_longer_offered
from catalog.services.order_lines import (
    MOST_LINES,
    LineRequest,
    check_count,
    clean_line,
    last_end_date,
    parts_of,
)
from catalog.services.orders import is_name_taken
from portal.core.calendar import day_of
from portal.core.errors import DomainError, InvalidInput
from portal.identity.models import Person

_LONGEST_NAME: Final = 63
_MOST_OF_A_NAME: Final = 99

_Name = tuple[str, str]  # of what kind, and how it is called


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """What was not put in the cart, and why, in words."""

    name: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Copied:
    """What became of the things in an order: put in the cart, or left out."""

    lines: list[CartLine]
    left_out: list[LeftOut]


@transaction.atomic(durable=True)
def copy_to_cart(order: Order, *, owner: Person) -> Copied:
    """Put all that the order asked for in the person's cart of its project.

    What was ordered as a whole goes in as a whole, and a change of something not at all. A name
    that is taken gets a number. Each is needed as long as it was then, as far as that is allowed.

    Raises:
        NotAllowed: the person orders nothing in that project.
    """
    project = order.project
    check_may_collect(owner, project)
    versions = {version.offering_id: version for version in offered_in_cart_of(project)}
    cart = open_cart(owner, project)
    room, names = room_in(cart), _Names(cart)
    asked: list[LineRequest] = []
    left_out: list[LeftOut] = []
    for item, end_date in _things_in(order):
        version = versions.get(item.offering_version.offering_id)
        try:
            wish = names.give(_wish(order, item, end_date, version))
            if len(asked) >= room:
                raise CartFull(most=MOST_LINES)
            asked.append(wish)
        except DomainError as error:
            left_out.append(LeftOut(name=item.name, why=in_words(error)))
    if asked:
        keep_purpose(cart, order.purpose)
    return Copied(lines=add_lines(cart, asked) if asked else [], left_out=left_out)


def _things_in(order: Order) -> Iterator[tuple[OrderLine | Assembly, date | None]]:
    """What was asked for, each once, with its end date."""
    lines = order.lines.filter(changes=None).select_related(
        "offering_version", "assembly__offering_version"
    )
    wholes: set[int] = set()
    for line in lines.order_by("position"):
        if line.assembly is None:
            yield line, line.end_date
        elif line.assembly.pk not in wholes:
            wholes.add(line.assembly.pk)
            yield line.assembly, line.end_date


def _wish(
    order: Order, item: OrderLine | Assembly, end_date: date | None, version: OfferingVersion | None
) -> LineRequest:
    """The same thing as it would be asked for now.

    Raises:
        OfferingUnavailable: it left the catalogue.
        InvalidInput: something that was chosen then cannot be chosen any more.
    """
    if version is None:
        raise OfferingUnavailable()
    gone = no_longer_offered(version, item.spec, order.project)
    if gone:
        raise InvalidInput({name: [f"{text}."] for name, text in gone.items()})
    follows = get_kind(version.offering.kind).follows
    wish = LineRequest(
        version=version,
        name=item.name,
        spec={name: value for name, value in item.spec.items() if name not in follows},
        end_date=_as_long_as_then(order, end_date, version),
        tags=tags_then(item),
    )
    return clean_line(wish, order.project, None)  # the cart says which tags are missing


def tags_then(item: OrderLine | Assembly) -> dict[str, str]:
    """The tags that were asked for with it; of a whole those of each part."""
    line = item if isinstance(item, OrderLine) else item.lines.first()
    return dict(line.tags) if line else {}


def _as_long_as_then(order: Order, end_date: date | None, version: OfferingVersion) -> date | None:
    last = last_end_date(version)
    if end_date is None:
        return None if version.maximum_term_days is None else last
    term = end_date - day_of(order.submitted_at)
    return min(localdate() + max(term, timedelta(days=1)), last)


class _Names:
    """Finds a free name for each thing of one order. Sure enough: ordering checks it again."""

    def __init__(self, cart: Cart) -> None:
        self._project = cart.project
        self._lines = list(cart.lines.select_related("offering"))
        self._given: set[_Name] = set()

    def give(self, wish: LineRequest) -> LineRequest:
        """The wish, with a number behind its name where that is taken.

        Raises:
            InCartAlready: it is, by this name.
            InvalidInput: a part of it cannot be called or made so.
            NameTaken: too many are called so.
        """
        for name in _numbered(wish.name):
            named = replace(wish, name=name)
            parts = parts_of(named)
            check_count(len(parts))
            names = {_name_of(line) for line in (named, *parts)}
            if names & self._given:
                continue
            if self._is_in_cart(named):
                self._given |= names
                raise InCartAlready()
            if not any(self._is_taken(name) for name in names):
                self._given |= names
                return named
        raise NameTaken(field="name", name=wish.name)

    def _is_in_cart(self, wish: LineRequest) -> bool:
        asked = (wish.version.offering_id, wish.name, wish.spec)
        return asked in [(line.offering_id, line.name, line.spec) for line in self._lines]

    def _is_taken(self, name: _Name) -> bool:
        in_cart = {(line.offering.kind, line.name) for line in self._lines}
        return name in in_cart or is_name_taken(self._project, *name)


def _name_of(line: LineRequest) -> _Name:
    return line.version.offering.kind, line.name


def _numbered(name: str) -> Iterator[str]:
    yield name
    for number in range(2, _MOST_OF_A_NAME + 1):
        suffix = f"-{number}"
        yield f"{name[: _LONGEST_NAME - len(suffix)]}{suffix}"
