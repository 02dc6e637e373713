"""When something that runs is paid for and perhaps used by nobody: what saving hints look at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from catalog.kinds.base import ATTACHED_BEFORE, ATTACHED_TO
from catalog.kinds.parameters import Text


@dataclass(frozen=True, kw_only=True)
class Idle:
    """How a resource of a kind can be idle.

    Attributes:
        label: how it is then, before the number of days: "Stopped".
        holds: judges a ``Resource`` that runs.
        after: how long it must have been so before anybody is told.
        begun_by: key of the action that makes it so, where there is one. What never had it was so
            from the beginning.
        seen_in, seen_as: what a look at the cloud compares, and what it finds there of what is so;
            empty where no look sees it.
    """

    label: Text
    holds: Q
    after: timedelta
    begun_by: str = ""
    seen_in: str = ""
    seen_as: str = ""


def _is_nothing(fact: str) -> Q:
    return Q(**{f"facts__{fact}__isnull": True}) | Q(**{f"facts__{fact}": None})


# Nobody tells the portal to what something is attached that it did not make itself.
UNATTACHED: Final = Idle(
    label=_("Attached to nothing"),
    holds=Q(found_as=None) & _is_nothing(ATTACHED_TO) & _is_nothing(ATTACHED_BEFORE),
    after=timedelta(days=7),
    begun_by="detach",
)
KEPT_LONG: Final = Idle(label=_("Kept as it was"), holds=Q(), after=timedelta(days=90))
