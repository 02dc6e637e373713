"""Differences between portal and cloud, in words: a title, and what each side says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalog.kinds import all_kinds, get_kind
from catalog.kinds.parts import Part
from catalog.models import (
    Difference,
    DifferenceKind,
    DifferenceState,
    Metric,
    OrderLine,
    RepairAction,
)
from catalog.services.change_work import agreed_lines
from catalog.services.drift import compared_fact
from catalog.services.repair_actions import offered_repairs
from portal.cloud.ports import BACKUP_GIB, UNLIMITED
from portal.core.formats import moment, money

GONE: Final = (DifferenceKind.MISSING, DifferenceKind.CHARGED_BUT_ABSENT)
STRANGE: Final = (DifferenceKind.UNKNOWN, DifferenceKind.NOT_CHARGED, DifferenceKind.DUPLICATE)
OTHER: Final = (DifferenceKind.DIFFERS, DifferenceKind.QUOTA)
_TITLES: Final[Mapping[str, str | Promise]] = {
    DifferenceKind.MISSING: gettext_lazy("{thing} {name} is gone from the cloud"),
    DifferenceKind.CHARGED_BUT_ABSENT: gettext_lazy("{thing} {name} is gone from the cloud"),
    DifferenceKind.UNKNOWN: gettext_lazy("{thing} {name} was not ordered"),
    DifferenceKind.NOT_CHARGED: gettext_lazy("{thing} {name} is not charged"),
    DifferenceKind.DUPLICATE: gettext_lazy("{thing} {name} is there twice"),
    DifferenceKind.DIFFERS: gettext_lazy("{thing} {name} is other than ordered"),
    DifferenceKind.QUOTA: gettext_lazy("Room in the cloud for {metric} is other than needed"),
}
_URGENT: Final = (
    DifferenceKind.CHARGED_BUT_ABSENT,
    DifferenceKind.NOT_CHARGED,
    DifferenceKind.UNKNOWN,
)
_BADGES: Final[Mapping[str, tuple[str, str | Promise]]] = {
    DifferenceKind.MISSING: ("warning", gettext_lazy("Gone")),
    DifferenceKind.CHARGED_BUT_ABSENT: ("error", gettext_lazy("Urgent")),
    DifferenceKind.UNKNOWN: ("warning", gettext_lazy("Not ordered")),
    DifferenceKind.NOT_CHARGED: ("warning", gettext_lazy("Costs money")),
    DifferenceKind.DUPLICATE: ("warning", gettext_lazy("Costs money")),
    DifferenceKind.DIFFERS: ("neutral", gettext_lazy("Differs")),
    DifferenceKind.QUOTA: ("neutral", gettext_lazy("Other room")),
}

# The last part of the address, and of the name of the address, at which each is proposed.
DRIFT_REPAIRS: Final = {action: action.value.replace("_", "-") for action in RepairAction}
_LOSSES: Final = {
    RepairAction.REMOVE,
    RepairAction.RECREATE,
    RepairAction.RETIRE,
    RepairAction.DROP_COPY,
}
_CONSEQUENCES: Final[Mapping[RepairAction, str | Promise]] = {
    RepairAction.ADOPT: gettext_lazy(
        "It becomes a resource of the project, without an order. The project pays from when the "
        "cloud made it, but for nothing before this month. Its quota counts, also when there is "
        "too little."
    ),
    RepairAction.REMOVE: gettext_lazy(
        "We remove it from the cloud, with all that it holds. That cannot be undone. Nobody pays "
        "for it."
    ),
    RepairAction.RECREATE: gettext_lazy(
        "We make it again as it was ordered. What it held is lost. What is still in the cloud with "
        "our mark is taken over. Nobody pays for the time that it is gone, in this month."
    ),
    RepairAction.RETIRE: gettext_lazy(
        "We remove what is left of it. The costs stop from when it was first seen to be gone, and "
        "its quota comes free."
    ),
    RepairAction.CHARGE: gettext_lazy(
        "The project pays from that moment on. What came before stays free."
    ),
    RepairAction.UNCHARGE: gettext_lazy(
        "The costs stop from when it was first seen to be gone. It keeps its quota, so that you "
        "can make it again or close it later."
    ),
    RepairAction.TAKE_OVER: gettext_lazy(
        "Cloudloket will say what the cloud says. From that moment on the project pays for that, "
        "and its quota counts, also when there is too little."
    ),
    RepairAction.KEEP_COPY: gettext_lazy(
        "From then on this one is the resource. The other one stays in the cloud, and shows here "
        "as the second copy. Then you remove that."
    ),
    RepairAction.DROP_COPY: gettext_lazy(
        "We remove whatever has the mark of this resource and is not the one that we know. That "
        "cannot be undone."
    ),
}


@dataclass(frozen=True)
class Proposal:
    """A repair that may be proposed, at ``address``. ``is_loss``: it cannot be undone."""

    action: RepairAction
    label: str
    consequence: str
    address: str
    is_loss: bool


@dataclass(frozen=True)
class Fact:
    """A line of one side. ``is_other``: here the two sides differ. ``is_code``: as typed."""

    term: str
    value: str
    is_other: bool = False
    is_code: bool = False


@dataclass(frozen=True)
class DifferenceRow:
    """A difference as people read it."""

    difference: Difference
    title: str
    is_urgent: bool
    thing: str
    name: str
    icon: str
    tone: str
    badge: str
    ours: list[Fact]
    theirs: list[Fact]
    ours_short: str
    theirs_short: str


def rows_of(differences: Iterable[Difference]) -> list[DifferenceRow]:
    """In the reader's language. Needs ``resource__order_line``, ``project`` and ``cloud``."""
    shown = list(differences)
    agreed = agreed_lines({found.resource for found in shown if found.resource})
    return [_row_of(found, agreed.get(found.resource_id or 0)) for found in shown]


def fields_about_access() -> list[str]:
    """The fields on which depends who can reach a resource."""
    facts = [fact for kind in all_kinds() for part in kind.parts for fact in part.compared]
    return sorted({fact.key for fact in facts if fact.is_access})


def proposals_of(difference: Difference) -> list[Proposal]:
    """What may be proposed about a difference, with what it means."""
    return [
        Proposal(
            action=action,
            label=str(action.label),
            consequence=consequence_of(action),
            address=reverse(f"catalog:drift-{DRIFT_REPAIRS[action]}", args=[difference.public_id]),
            is_loss=action in _LOSSES,
        )
        for action in offered_repairs(difference, difference.resource)
    ]


def consequence_of(action: str) -> str:
    """What a repair means, in a few sentences."""
    return str(_CONSEQUENCES[RepairAction(action)])


def _row_of(difference: Difference, agreed: OrderLine | None) -> DifferenceRow:
    part, icon = _part_and_icon(difference)
    thing, name = str(part.label) if part else "", _name_of(difference)
    metric = _metric_of(difference)
    tone, badge = _badge(difference)
    ours_short, theirs_short = _short(difference)
    return DifferenceRow(
        difference=difference,
        title=str(_TITLES[difference.kind])
        .format(thing=thing, name=name, metric=metric.lower())
        .strip(),
        is_urgent=difference.kind in _URGENT or _is_about_access(difference),
        thing=thing,
        name=name,
        icon=icon,
        tone=tone,
        badge=badge,
        ours=_ours(difference, ours_short, agreed),
        theirs=_theirs(difference, theirs_short),
        ours_short=ours_short,
        theirs_short=theirs_short,
    )


def _name_of(difference: Difference) -> str:
    if difference.kind == DifferenceKind.QUOTA:
        return f"{_('Quota of the project')}: {_metric_of(difference).lower()}"
    name: str = difference.resource.name if difference.resource else difference.name
    return name or difference.openstack_id


def _metric_of(difference: Difference) -> str:
    """What the quota is of, where that is what differs."""
    labels = {**dict(Metric.choices), BACKUP_GIB: _("Backups")}
    return str(labels[difference.field]) if difference.kind == DifferenceKind.QUOTA else ""


def _badge(difference: Difference) -> tuple[str, str]:
    if difference.state == DifferenceState.SOLVED:
        return "success", str(DifferenceState.SOLVED.label)
    if difference.state == DifferenceState.IGNORED:
        return "neutral", str(DifferenceState.IGNORED.label)
    if _is_about_access(difference):
        return "error", _("Urgent")
    tone, text = _BADGES[difference.kind]
    return tone, str(text)


def _is_about_access(difference: Difference) -> bool:
    return difference.kind == DifferenceKind.DIFFERS and difference.field in fields_about_access()


def _part_and_icon(difference: Difference) -> tuple[Part | None, str]:
    """What it is: as its kind says, else the first that stands in that list of the cloud."""
    if difference.resource:
        kind = get_kind(difference.resource.kind)
        named = [part for part in kind.parts if part.key == difference.part]
        return next(iter(named), None), kind.icon
    mains = [(part, kind.icon) for kind in all_kinds() for part in kind.parts[:1]]
    others = [(part, kind.icon) for kind in all_kinds() for part in kind.parts[1:]]
    in_list = [found for found in mains + others if found[0].listing == difference.listing]
    return next(iter(in_list), (None, "cloud"))


def _short(difference: Difference) -> tuple[str, str]:
    """What each side says, in a few words."""
    if difference.kind in GONE:
        return _("Running"), _("Does not exist")
    if difference.kind == DifferenceKind.UNKNOWN:
        return _("Unknown"), _there(difference)
    if difference.kind == DifferenceKind.DUPLICATE:
        return _("There is one"), _("There is another one")
    if difference.kind == DifferenceKind.NOT_CHARGED:
        return _("Nobody pays for it"), _there(difference)
    if difference.field == "marker":
        return _("Our mark"), difference.theirs or _("No mark")
    if difference.kind == DifferenceKind.QUOTA and difference.theirs == str(UNLIMITED):
        return difference.ours, _("Unlimited")
    return difference.ours, difference.theirs


def _there(difference: Difference) -> str:
    """That it is there, and in which state, in the cloud's own word."""
    return f"{_('Is there')} ({difference.theirs})" if difference.theirs else _("Is there")


def _ours(difference: Difference, short: str, agreed: OrderLine | None) -> list[Fact]:
    if difference.kind == DifferenceKind.QUOTA:
        needed = Fact(_("Needed in the project"), short, is_other=True)
        return [needed, Fact(_("Project"), difference.project.name)]
    resource = difference.resource
    if resource is None:
        return []
    facts = [Fact(_term(difference), short, is_other=True)]
    if difference.kind == DifferenceKind.DUPLICATE:
        facts.append(Fact(_("Id in the cloud"), difference.ours, is_code=True))
    facts.append(Fact(_("Project"), difference.project.name))
    if difference.kind == DifferenceKind.CHARGED_BUT_ABSENT and agreed:
        price = money(agreed.monthly_price)
        facts.append(Fact(_("Costs"), _("{price} per month, goes on").format(price=price)))
    return facts


def _theirs(difference: Difference, short: str) -> list[Fact]:
    facts = [Fact(_term(difference), short, is_other=True)]
    if difference.kind == DifferenceKind.UNKNOWN:
        facts.insert(0, Fact(_("Name"), difference.name or _("No name"), is_code=True))
        facts.append(Fact(_("Project"), difference.project.name))
        if difference.part:
            facts.append(Fact(_("Mark"), _("Second copy of what the project has once")))
        facts.extend(_as_found(difference))
    facts.append(Fact(_("Cloud"), difference.cloud.name))
    if difference.openstack_id:
        facts.append(Fact(_("Id in the cloud"), difference.openstack_id, is_code=True))
    return facts


def _as_found(difference: Difference) -> list[Fact]:
    """What it would be as a resource, as far as the cloud tells, and since when it is there."""
    found, facts = difference.finding, []
    summary = get_kind(found["kind"]).summary(found["spec"]) if found else ""
    if summary:
        facts.append(Fact(_("What it is"), summary))
    if difference.made_at:
        facts.append(Fact(_("Made on"), moment(difference.made_at)))
    return facts


def _term(difference: Difference) -> str:
    """What the two sides disagree about."""
    if difference.kind == DifferenceKind.QUOTA:
        return _("Quota of the project")
    if difference.kind != DifferenceKind.DIFFERS or difference.resource is None:
        return _("State")
    fact = compared_fact(difference, difference.resource)
    if fact is not None:
        return str(fact.label)
    return _("Mark") if difference.field == "marker" else _("Project in the cloud")
