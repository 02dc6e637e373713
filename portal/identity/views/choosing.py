"""Finding somebody by name among many, and choosing from a few."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models import Q, QuerySet

from portal.identity.models import Person

SHOWN: Final = 12  # to choose from; whoever is not among them is searched by name


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The people to choose from, and whether there are more of them."""

    people: list[Person]
    has_more: bool


def words_of(typed: str | None) -> str:
    """What somebody searches for."""
    return (typed or "").strip().replace("\x00", "")


def called(people: QuerySet[Person], words: str) -> QuerySet[Person]:
    """Those with these words in their name, or with that e-mail address; all without words."""
    if not words:
        return people
    return people.filter(Q(name__icontains=words) | Q(email__iexact=words))


def choose_people(
    people: QuerySet[Person], *, near: QuerySet[Person], words: str, chosen: str
) -> Choice:
    """A few people by name: those that are ``near``, or of all of them those that are called so.

    Who was chosen already (a public id) stays among them.
    """
    offered = called(people, words) if words else people.filter(pk__in=near.values("pk"))
    found = list(offered.order_by("name", "pk")[: SHOWN + 1])
    shown = found[:SHOWN]
    if _is_uuid(chosen) and chosen not in {str(person.public_id) for person in shown}:
        shown = [*people.filter(public_id=chosen), *shown]
    has_more = len(found) > SHOWN
    if not words and not has_more:
        has_more = people.exclude(pk__in=near.values("pk")).exists()
    return Choice(people=shown, has_more=has_more)


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
