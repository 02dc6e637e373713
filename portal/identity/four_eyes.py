"""Four eyes are of two humans: one who logs in twice, at two providers, is not two of them."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
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
        "{name} is, or was taken for, another login of the same person as you, or as whom you "
        "replace. Somebody else must do this."
    )


def check_other_humans(asking: Iterable[int], deciding: Iterable[int]) -> None:
    """Refuse where one human could be both pairs of eyes.

    An address is only ever a reason to refuse, for it proves nothing: a provider says it, and
    people share one. Whoever has none is like nobody.

    Args:
        asking: primary keys of who asked for it, and whom it is about.
        deciding: of who decides, and whom they replace. A person on both sides says nothing here.

    Raises:
        JoinedHuman: their logins were linked, even if that was undone since.
        SameHuman: two of them have one e-mail address, whatever its capitals; the address of each
            of their logins counts.
    """
    deciding = set(deciding)
    asking = set(asking) - deciding
    deciders, askers = logins_of(deciding), logins_of(asking).exclude(pk__in=deciding)
    if joined := deciders.filter(pk__in=asking).first():
        raise JoinedHuman(name=joined.name)
    addresses = {
        address.lower()
        for found in deciders.values_list("email", "identities__email")
        for address in found
        if address
    }
    for name, *found in askers.values_list("name", "email", "identities__email"):
        if addresses.intersection(address.lower() for address in found if address):
            raise SameHuman(name=name)


def logins_of(people: Iterable[int]) -> QuerySet[Person]:
    """The persons that are one human with these (primary keys), by the links of their logins.

    Also by a link that was undone: what was asked for meanwhile was asked by the one human.
    """
    linked = RawSQL("SELECT identity_logins_of(%s::bigint[])", [list(people)])
    return Person.objects.filter(pk__in=linked)
