"""What people read of the end date of a resource: when it ends, what happens, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.db.models import Prefetch
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from catalog.kinds import get_kind
from catalog.models import (
    Ending,
    EndingState,
    Operation,
    OperationState,
    Resource,
    ResourceState,
)
from catalog.services.terms import grace_of
from portal.core.formats import day

ENDS_SOON: Final = timedelta(days=30)
# With ``order_line__offering_version`` selected, what a notice reads without another query.
OPEN_ENDINGS: Final = Prefetch(
    "endings",
    Ending.objects.filter(state=EndingState.OPEN).select_related("stop"),
    to_attr="open_endings",
)


@dataclass(frozen=True)
class EndNotice:
    """What a page says of a resource that ends soon or has ended.

    Attributes:
        title: what is going on, e.g. "Ends in 7 days".
        gist: the one fact that matters most.
        facts: all of them: when it ended, was stopped and goes.
        advice: what the reader can do about it.
    """

    title: str
    gist: str
    facts: list[str]
    advice: str


def end_notice(resource: Resource, *, today: date) -> EndNotice | None:
    """The notice, from thirty days before the end on. Needs ``OPEN_ENDINGS``."""
    end_date = resource.end_date
    if end_date is None or resource.state != ResourceState.ACTIVE:
        return None
    if end_date - today > ENDS_SOON:
        return None
    if end_date >= today:
        last_day = _("The last day is {day}.").format(day=day(end_date))
        then = _stays_protected() if resource.is_protected else _after_the_term(resource)
        title = _ends_in((end_date - today).days)
        return EndNotice(title, last_day, [last_day, then], _advice(resource))
    last_day = _("The last day was {day}.").format(day=day(end_date))
    ending = _open_ending(resource)
    stop = _stop_in_words(ending.stop) if ending and ending.stop else ""
    then = _cleaning_up(resource, ending, today)
    costs = _("Until it is cleaned up it costs money and takes quota.")
    facts = [text for text in (last_day, stop, then, costs) if text]
    return EndNotice(_("The term has ended"), then, facts, _advice(resource))


def _open_ending(resource: Resource) -> Ending | None:
    """The ending that is about its end date as it is now."""
    endings: list[Ending] = resource.open_endings  # type: ignore[attr-defined]  # OPEN_ENDINGS
    return next((item for item in endings if item.is_due_for(resource)), None)


def _ends_in(days: int) -> str:
    if days == 0:
        return _("Ends today")
    return ngettext("Ends in {count} day", "Ends in {count} days", days).format(count=days)


def _cleaning_up(resource: Resource, ending: Ending | None, today: date) -> str:
    if resource.is_protected:
        return _stays_protected()
    if ending is None:
        return _after_the_term(resource)
    if ending.clean_up_on <= today:
        return _("We clean it up as soon as nothing else is being done to it.")
    return _("We clean it up on {day}; what it holds is lost then.").format(
        day=day(ending.clean_up_on)
    )


def _stop_in_words(stop: Operation) -> str:
    is_done = stop.state in {OperationState.SUCCEEDED, OperationState.SOLVED}
    if is_done and stop.finished_at:
        return _("We stopped it on {day}.").format(day=day(stop.finished_at))
    if stop.state == OperationState.RUNNING:
        return _("We are stopping it.")
    return _("Stopping it did not succeed.") if stop.failed_at else ""


def _after_the_term(resource: Resource) -> str:
    return get_kind(resource.kind).after_the_term(grace_of(resource).days)


def _stays_protected() -> str:
    return _("It is protected, so it is not cleaned up.")


def _advice(resource: Resource) -> str:
    if resource.is_protected:
        return _("Renew it, or switch protection off and clean it up.")
    return _("Renew it if you need it longer. Clean it up if you are done.")
