"""Four eyes are of two humans: one who logs in twice, at two providers, is not two of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Coalesce, Lower
from django.utils.translation import gettext_lazy as _

from portal.core.errors import NotAllowed
from portal.identity.models import Person


class SameHuman(NotAllowed):
    code = "same_human"
    message = _(
        "You and {name} have the same e-mail address, so you may be one person with two logins. "
        "Somebody else must do this."
    )


class JoinedHuman(SameHuman):
    """Two people looked at it and said so."""

    message = _(
        "{name} is another login of the same person as you, or as whom you replace. "
        "Somebody else must do this."
    )


def check_other_humans(asking: Iterable[int], deciding: Iterable[int]) -> None:
    """Refuse where one human could be both pairs of eyes.

    An address is only ever a reason to refuse, for it proves nothing: a provider says it, and
    people share one. Whoever has none is like nobody.

    Args:
        asking: primary keys of who asked for it, and whom it is about.
        deciding: of who decides, and whom they replace. A person on both sides says nothing here.

    Raises:
        JoinedHuman: their logins were linked.
        SameHuman: two of them have one e-mail address, whatever its capitals; an address of a
            linked login counts too.
    """
    deciding = set(deciding)
    asking = set(asking) - deciding
    deciders, askers = logins_of(deciding), logins_of(asking).exclude(pk__in=deciding)
    if joined := deciders.filter(pk__in=asking).first():
        raise JoinedHuman(name=joined.name)
    addresses = deciders.annotate(address=Lower("email")).exclude(email="").values("address")
    alike = askers.annotate(address=Lower("email")).exclude(email="")
    if one := alike.filter(address__in=addresses).first():
        raise SameHuman(name=one.name)


def logins_of(people: Iterable[int] | QuerySet[Any]) -> QuerySet[Person]:
    """The persons that are one human with these (primary keys), by the links of their logins."""
    humans = Person.objects.annotate(human=Coalesce("joined_into", "pk"))
    return humans.filter(human__in=humans.filter(pk__in=people).values("human"))
