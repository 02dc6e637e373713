"""Collecting things to order together. What they cost, and whether they fit, is told when asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from billing.services.order_tags import TagQuestion, still_known, tag_questions
from catalog.errors import CartChanged, CartFull, OfferingUnavailable
from catalog.models import Cart, CartLine, Offering, OfferingVersion, Order
from catalog.offering_policies import is_offered_to, published_versions
from catalog.services.order_lines import MOST_LINES, LineRequest, check_count, clean_line, parts_of
from catalog.services.orders import clean_purpose, place_order
from catalog.services.preview import Consequences, Wish, preview_together
from portal.audit.services import record
from portal.core.errors import DomainError, InvalidInput, NotAllowed
from portal.identity.access import has_role
from portal.identity.models import Person, Project, Role


@dataclass(frozen=True, kw_only=True)
class Looked:
    """A line as it would be ordered now; ``problem`` says why it cannot, then ``version`` may be
    None.
    """

    line: CartLine
    version: OfferingVersion | None
    consequences: Consequences | None = None
    problem: str = ""


@transaction.atomic(durable=True)
def put_in_cart(
    *,
    owner: Person,
    project: Project,
    offering: Offering,
    name: str,
    spec: Mapping[str, Any],
    end_date: date | None,
    purpose: str = "",
    instead_of: UUID | None = None,
    tags: Mapping[str, str] = MappingProxyType({}),
) -> CartLine:
    """Put something in the person's cart of the project; nothing is held for it.

    What the cart has of the same name and offering is replaced, so this may be repeated.

    Args:
        purpose: kept for when it is sent, where nothing was said of the cart yet.
        instead_of: public id of a line of that cart that it replaces as well.

    Raises:
        NotAllowed: the person orders nothing there.
        OfferingUnavailable: it cannot be ordered in the project now.
        InvalidInput: something is not right in a field.
        CartFull: there is as much in it as one order may ask.
    """
    check_may_collect(owner, project)
    version = offered_in_cart_of(project).filter(offering=offering).first()
    if version is None:
        raise OfferingUnavailable()
    request = LineRequest(version=version, name=name, spec=spec, end_date=end_date, tags=tags)
    asked = clean_line(request, project, tag_questions(project))
    check_count(len(parts_of(asked)))  # or what is wrong with a part would be told at the end
    said = clean_purpose(purpose) if purpose.strip() else ""
    cart = open_cart(owner, project)
    keep_purpose(cart, said)
    same = Q(offering=offering, name=asked.name)
    cart.lines.filter(same | Q(public_id=instead_of) if instead_of else same).delete()
    if room_in(cart) < 1:
        raise CartFull(most=MOST_LINES)
    return add_lines(cart, [asked])[0]


def check_may_collect(person: Person, project: Project) -> None:
    """Raise NotAllowed where the person orders nothing."""
    if project.ended_at or not has_role(person, project, Role.REQUESTER):
        raise NotAllowed()


def add_lines(cart: Cart, asked: Sequence[LineRequest]) -> list[CartLine]:
    """Write down what was checked. Call with the cart locked."""
    lines = [
        CartLine.objects.create(
            cart=cart,
            offering=line.version.offering,
            name=line.name,
            spec=dict(line.spec),
            end_date=line.end_date,
            tags=dict(line.tags),
        )
        for line in asked
    ]
    _count_change(cart)
    for _line in lines:
        record("cart.line_put", cart, actor=cart.owner, node_id=cart.project_id)
    return lines


def keep_purpose(cart: Cart, purpose: str) -> None:
    """Begin with this when the cart is sent, unless something was said before."""
    if purpose and not cart.purpose:
        cart.purpose = purpose
        cart.save(update_fields=["purpose"])


def room_in(cart: Cart) -> int:
    """How many more lines it takes; sure only while it is locked."""
    return MOST_LINES - cart.lines.count()


@transaction.atomic(durable=True)
def take_from_cart(public_id: UUID, *, owner: Person) -> Cart:
    """Take one line out again. May be repeated.

    Raises:
        Cart.DoesNotExist: the line is in no open cart of this person.
    """
    carts = Cart.objects.select_for_update().filter(owner=owner, order=None)
    cart = carts.get(pk__in=CartLine.objects.filter(public_id=public_id).values("cart"))
    cart.lines.filter(public_id=public_id).delete()
    if not cart.lines.exists():
        Cart.objects.filter(pk=cart.pk).update(purpose="")  # what comes next is for something else
    _count_change(cart)
    record("cart.line_taken", cart, actor=owner, node_id=cart.project_id)
    return cart


def order_cart(public_id: UUID, *, owner: Person, purpose: str, revision: int) -> Order:
    """Order all that is in the cart, and end it; a repetition gives the same order.

    Args:
        revision: of the cart as the person saw it.

    Raises:
        CartChanged: meanwhile something was put in or taken out.
        Cart.DoesNotExist: it is not this person's.
        DomainError: as ``place_order``.
    """
    cart = Cart.objects.select_related("project", "order").get(public_id=public_id, owner=owner)
    if cart.order:
        return cart.order
    if cart.revision != revision:
        raise CartChanged()
    check_may_collect(owner, cart.project)
    order, _is_new = place_order(
        requested_by=owner,
        project=cart.project,
        purpose=purpose,
        lines=_requests(cart),
        idempotency_key=f"cart-{cart.public_id}",
        cart=cart,
    )
    return order


def look_at(cart: Cart) -> list[Looked]:
    """Each line with what it costs now, or why it cannot be ordered. Changes nothing."""
    versions, questions = _versions(cart), tag_questions(cart.project)
    return [
        _look_at_line(cart.project, line, versions.get(line.offering_id), questions)
        for line in cart.lines.select_related("offering")
    ]


def look_at_all(cart: Cart, looked: Sequence[Looked]) -> Consequences | None:
    """What all of it means together; None while a line cannot be ordered, or there is none."""
    if not looked or any(item.problem for item in looked):
        return None
    wishes = [
        Wish(version=item.version, spec=item.line.spec, end_date=item.line.end_date)
        for item in looked
        if item.version
    ]
    return preview_together(cart.project, wishes)


def _look_at_line(
    project: Project,
    line: CartLine,
    version: OfferingVersion | None,
    questions: Sequence[TagQuestion],
) -> Looked:
    if version is None:
        return Looked(line=line, version=None, problem=str(OfferingUnavailable()))
    try:
        asked = clean_line(_request(line, version, questions), project, questions)
        check_count(len(parts_of(asked)))
        wish = Wish(version=version, spec=asked.spec, end_date=asked.end_date)
        return Looked(line=line, version=version, consequences=preview_together(project, [wish]))
    except DomainError as error:
        return Looked(line=line, version=version, problem=in_words(error))


def in_words(error: DomainError) -> str:
    """Why a line cannot be ordered."""
    if isinstance(error, InvalidInput):
        return " ".join(text for texts in error.errors.values() for text in texts)
    return str(error)


def _requests(cart: Cart) -> list[LineRequest]:
    versions = _versions(cart)
    lines = list(cart.lines.all())
    if any(line.offering_id not in versions for line in lines):
        raise OfferingUnavailable()
    questions = tag_questions(cart.project)
    return [_request(line, versions[line.offering_id], questions) for line in lines]


def _request(
    line: CartLine, version: OfferingVersion, questions: Sequence[TagQuestion]
) -> LineRequest:
    """The line as it is asked for now, without tags that there are no more."""
    return LineRequest(
        version=version,
        name=line.name,
        spec=line.spec,
        end_date=line.end_date,
        tags=still_known(line.tags, questions),
    )


def _versions(cart: Cart) -> dict[int, OfferingVersion]:
    """What can be ordered in the project now, by primary key of the offering."""
    return {version.offering_id: version for version in offered_in_cart_of(cart.project)}


def open_cart(owner: Person, project: Project) -> Cart:
    """The person's cart of the project, locked; a new one where the last was just ordered."""
    while True:
        found, _ = Cart.objects.get_or_create(owner=owner, project=project, order=None)
        locked = Cart.objects.select_for_update().filter(pk=found.pk, order=None).first()
        if locked:
            return locked


def _count_change(cart: Cart) -> None:
    cart.revision += 1
    cart.save(update_fields=["revision"])


def offered_in_cart_of(project: Project) -> QuerySet[OfferingVersion]:
    """What can be ordered in the project now."""
    offered = published_versions().filter(is_offered_to(project.lineage_ids))
    return offered.select_related("offering", "cloud")
