"""In what a proposed assessment differs from the one in force, for who decides on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from catalog.models import SupplyAnswer, SupplyDependency, SupplyProfile
from catalog.placement.csf import CRITERIA
from catalog.placement.csf_words import CRITERION_WORDS
from catalog.placement_words import Objective, label_of
from catalog.services.placement.supplies import seals_of
from catalog.views.placement.supply_wording import facts_in_words
from portal.core.countries import country_name
from portal.core.formats import day


@dataclass(frozen=True, kw_only=True)
class Change:
    """Something that one assessment says otherwise than the other."""

    name: str
    before: str
    after: str


def changes_between(before: SupplyProfile, after: SupplyProfile) -> list[Change]:
    """What differs: levels first, then facts, owners, dependencies and answers."""
    was, becomes = dict(_said(before)), dict(_said(after))
    return [
        Change(name=name, before=was.get(name, _none()), after=becomes.get(name, _none()))
        for name in [*was, *(name for name in becomes if name not in was)]
        if was.get(name) != becomes.get(name)
    ]


def _said(profile: SupplyProfile) -> Iterator[tuple[str, str]]:
    """All that it says, by name, in words."""
    seals = seals_of(profile)
    for objective in Objective:
        seal = seals[objective]
        yield str(label_of(objective)), _("Not proven") if seal is None else f"SEAL-{seal}"
    yield from facts_in_words(profile)
    if profile.valid_until:
        yield _("Until when"), day(profile.valid_until)
    owners = [_with_country(each.name, each.jurisdiction) for each in profile.owners.all()]
    yield _("Owners"), ", ".join(owners) or _none()
    yield _("All dependencies are listed"), _("Yes") if profile.lists_dependencies else _("No")
    for dependency in profile.dependencies.all():
        yield _("Dependency: {name}").format(name=dependency.name), _dependency(dependency)
    yield from _answers({each.criterion: each for each in profile.answers.all()})


def _dependency(each: SupplyDependency) -> str:
    parts = [each.get_kind_display(), _with_country(each.supplier, each.jurisdiction)]
    if each.is_critical:
        parts.append(_("critical"))
    if each.needs:
        parts.append(_("needs {keys}").format(keys=", ".join(each.needs)))
    if each.evidenced_on:
        parts.append(f"{each.evidence}, {day(each.evidenced_on)}")
    return "; ".join(str(part) for part in parts)


def _answers(said: Mapping[str, SupplyAnswer]) -> Iterator[tuple[str, str]]:
    for code in CRITERIA:
        if code in said:
            words, each = CRITERION_WORDS[code], said[code]
            proof = f"{each.evidence}, {day(each.evidenced_on)}" if each.evidenced_on else ""
            answer = str(words.answers[each.answer])
            yield f"{code} {words.title}", f"{answer}; {proof or _('no evidence')}"


def _with_country(name: str, code: str) -> str:
    return f"{name} ({country_name(code)})" if code else name


def _none() -> str:
    return _("None")
