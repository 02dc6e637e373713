"""Four eyes are those of two humans. One human with two logins is two persons to the portal."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from portal.core.errors import NotAllowed
from portal.identity.models import Person


class SameHuman(NotAllowed):
    code = "same_human"
    message = _(
        "You and {name} have the same e-mail address, so you may be one person with two logins. "
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
        SameHuman: two of them have one e-mail address, whatever its capitals.
    """
    people = Person.objects.annotate(address=Lower("email")).exclude(email="")
    deciding = set(deciding)
    addresses = people.filter(pk__in=deciding).values("address")
    one = people.filter(pk__in=set(asking) - deciding, address__in=addresses).first()
    if one:
        raise SameHuman(name=one.name)
