"""What a draft assessment can say of a place, as it comes in and as it is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db.models import Model
from django.utils.timezone import localdate
from django.utils.translation import gettext as _

from catalog.models import SupplyAnswer, SupplyDependency, SupplyOwner, SupplyProfile
from catalog.models.supply import (
    EVIDENCE_LENGTH,
    KEY_LENGTH,
    LONGEST_VALIDITY_DAYS,
    NAME_LENGTH,
)
from catalog.placement import Dependency, Link
from catalog.placement.csf import CRITERIA, Framework
from catalog.placement_words import (
    LOWEST_INTEREST,
    DependencyKind,
    Hosting,
    Keys,
    Rubricering,
    Screening,
)
from portal.core.countries import COUNTRIES
from portal.core.errors import InvalidInput
from portal.core.text import clean_text

_LEVELS: Final = [None, *range(1, LOWEST_INTEREST + 1)]
MOST_PARTS: Final = 200  # links, dependencies, locations or certifications of one place
Errors = dict[str, list[str]]

_WORDS: Final[Mapping[str, type[StrEnum]]] = {
    "hosting": Hosting,
    "keys": Keys,
    "personnel_screening": Screening,
    "highest_rubricering": Rubricering,
    "framework": Framework,
}
YES_OR_NO: Final = (
    *("is_encrypted_at_rest", "is_encrypted_in_transit", "is_encrypted_in_use"),
    *("admits_personal_data", "admits_special_data"),
)
# The columns that a draft fills in one by one; empty and None: not known.
FACTS: Final = (
    *_WORDS,
    *YES_OR_NO,
    *("locations", "certifications", "highest_protection_level", "lists_dependencies"),
    "valid_until",
)
# What the next assessment begins with: until when it holds is chosen anew.
COPIED_FACTS: Final = tuple(name for name in FACTS if name != "valid_until")


@dataclass(frozen=True, kw_only=True)
class KnownDependency(Dependency):
    """With where that can be read. ``evidence`` and ``evidenced_on`` come together."""

    evidence: str = ""
    evidenced_on: date | None = None


@dataclass(frozen=True, kw_only=True)
class CsfAnswer:
    """The answer to one criterion: ``index`` from 0. With evidence and its date it is proven."""

    index: int
    evidence: str = ""
    evidenced_on: date | None = None


@dataclass(frozen=True, kw_only=True)
class SupplyChanges:
    """What a draft shall say; what is not named stays as it is.

    ``facts``: by name, of ``FACTS``; a certification has ``name`` and ``valid_until``.
    ``chain``: from the operator to the ultimate owner; the first is the operator.
    ``answers``: by code of the criterion; None takes an answer away.
    """

    facts: Mapping[str, Any] = field(default_factory=dict)
    chain: Sequence[Link] | None = None
    dependencies: Sequence[KnownDependency] | None = None
    answers: Mapping[str, CsfAnswer | None] = field(default_factory=dict)

    @property
    def sections(self) -> list[str]:
        """What they are about, as the audit trail tells it."""
        lists = {"chain": self.chain, "dependencies": self.dependencies}
        named = [name for name, said in lists.items() if said is not None]
        return sorted([*self.facts, *named, *self.answers])


def clean_changes(changes: SupplyChanges) -> SupplyChanges:
    """Return the changes as they are kept.

    Raises:
        InvalidInput: by name of the fact, ``chain``, ``dependencies`` or code of the criterion.
    """
    errors: Errors = {}
    cleaned = SupplyChanges(
        facts={name: _clean_fact(name, value, errors) for name, value in changes.facts.items()},
        chain=None if changes.chain is None else _clean_chain(changes.chain, errors),
        dependencies=None
        if changes.dependencies is None
        else _clean_dependencies(changes.dependencies, errors),
        answers={
            code: answer and _clean_answer(code, answer, errors)
            for code, answer in changes.answers.items()
        },
    )
    if errors:
        raise InvalidInput(errors)
    return cleaned


def keep_changes(draft: SupplyProfile, changes: SupplyChanges) -> None:
    """Write cleaned changes to a locked draft."""
    for name, value in changes.facts.items():
        setattr(draft, name, value)
    if changes.facts:
        draft.save(update_fields=list(changes.facts))
    if changes.chain is not None:
        draft.owners.all().delete()
        write_chain(draft, changes.chain)
    if changes.dependencies is not None:
        draft.dependencies.all().delete()
        write_dependencies(draft, changes.dependencies)
    draft.answers.filter(criterion__in=changes.answers).delete()
    write_answers(draft, {code: said for code, said in changes.answers.items() if said})


def write_chain(draft: SupplyProfile, chain: Sequence[Link]) -> None:
    SupplyOwner.objects.bulk_create(
        SupplyOwner(
            profile=draft,
            position=position,
            name=link.name,
            jurisdiction=link.jurisdiction,
            is_operator=position == 0,
        )
        for position, link in enumerate(chain)
    )


def write_dependencies(draft: SupplyProfile, dependencies: Iterable[Dependency]) -> None:
    SupplyDependency.objects.bulk_create(
        SupplyDependency(
            profile=draft,
            key=each.key,
            name=each.name,
            kind=each.kind,
            supplier=each.supplier,
            jurisdiction=each.jurisdiction,
            is_critical=each.is_critical,
            needs=list(each.needs),
            evidence=each.evidence if isinstance(each, KnownDependency) else "",
            evidenced_on=each.evidenced_on if isinstance(each, KnownDependency) else None,
        )
        for each in dependencies
    )


def write_answers(draft: SupplyProfile, answers: Mapping[str, CsfAnswer]) -> None:
    SupplyAnswer.objects.bulk_create(
        SupplyAnswer(
            profile=draft,
            criterion=code,
            answer=said.index,
            evidence=said.evidence,
            evidenced_on=said.evidenced_on,
        )
        for code, said in answers.items()
    )


def copy_parts(source: SupplyProfile, draft: SupplyProfile) -> None:
    """Let a draft have the chain, dependencies and answers of an earlier assessment."""
    parts: tuple[tuple[type[Model], Iterable[Any]], ...] = (
        (SupplyOwner, source.owners.all()),
        (SupplyDependency, source.dependencies.all()),
        (SupplyAnswer, source.answers.all()),
    )
    for model, found in parts:
        copies = list(found)
        for part in copies:
            part.pk, part.profile = None, draft
        model._default_manager.bulk_create(copies)


def _clean_fact(name: str, value: Any, errors: Errors) -> Any:
    try:
        if name in _WORDS:
            return _one_of(value or "", ["", *_WORDS[name]])
        if name in YES_OR_NO:
            return _one_of(value, [None, True, False])
        return _CLEANERS[name](value)
    except ValueError as error:
        errors[name] = [str(error)]
        return value


def _one_of(value: Any, known: Sequence[Any]) -> Any:
    if value not in known:
        raise ValueError(_("Choose from these."))
    return value


def _clean_locations(codes: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(_country(code) for code in _not_too_many(codes)))


def _clean_certifications(given: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    return [
        {"name": _text(one["name"], NAME_LENGTH), "valid_until": _iso(one["valid_until"])}
        for one in _not_too_many(given)
    ]


def _clean_valid_until(day: date | None) -> date | None:
    today = localdate()
    if day is not None and not today <= day <= today + timedelta(days=LONGEST_VALIDITY_DAYS):
        raise ValueError(_("Choose a day from today on, within three years."))
    return day


_CLEANERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "locations": _clean_locations,
    "certifications": _clean_certifications,
    "highest_protection_level": lambda level: _one_of(
        level, [None, *range(1, LOWEST_INTEREST + 1)]
    ),
    "lists_dependencies": lambda said: _one_of(said, [True, False]),
    "valid_until": _clean_valid_until,
}


def _clean_chain(chain: Sequence[Link], errors: Errors) -> Sequence[Link]:
    try:
        return [
            Link(
                name=_text(link.name, NAME_LENGTH),
                jurisdiction=_country(link.jurisdiction) if link.jurisdiction else "",
                is_operator=position == 0,
            )
            for position, link in enumerate(_not_too_many(chain))
        ]
    except ValueError as error:
        errors["chain"] = [str(error)]
        return chain


def _clean_dependencies(
    dependencies: Sequence[KnownDependency], errors: Errors
) -> Sequence[KnownDependency]:
    try:
        cleaned = [_clean_dependency(each) for each in _not_too_many(dependencies)]
        keys = [each.key for each in cleaned]
        if len(set(keys)) < len(keys):
            raise ValueError(_("Two dependencies have the same key."))
        strange = {need for each in cleaned for need in each.needs} - set(keys)
        if strange:
            words = _("There is no dependency with this key: {keys}.")
            raise ValueError(words.format(keys=", ".join(sorted(strange))))
    except ValueError as error:
        errors["dependencies"] = [str(error)]
        return dependencies
    return cleaned


def _clean_dependency(each: KnownDependency) -> KnownDependency:
    if each.kind not in list(DependencyKind):
        raise ValueError(_("Choose hardware, software or service for a dependency."))
    evidence, day = _clean_evidence(each.evidence, each.evidenced_on)
    return KnownDependency(
        key=_key(each.key),
        name=_text(each.name, NAME_LENGTH),
        kind=DependencyKind(each.kind),
        supplier=_text(each.supplier, NAME_LENGTH),
        jurisdiction=_country(each.jurisdiction) if each.jurisdiction else "",
        is_critical=each.is_critical,
        needs=tuple(dict.fromkeys(each.needs)),
        evidence=evidence,
        evidenced_on=day,
    )


def _clean_answer(code: str, answer: CsfAnswer, errors: Errors) -> CsfAnswer:
    try:
        if code not in CRITERIA:
            raise ValueError(_("The framework has no such criterion."))
        if not 0 <= answer.index < len(CRITERIA[code].ladder):
            raise ValueError(_("Choose from these."))
        evidence, day = _clean_evidence(answer.evidence, answer.evidenced_on)
        return CsfAnswer(index=answer.index, evidence=evidence, evidenced_on=day)
    except ValueError as error:
        errors[code] = [str(error)]
        return answer


def _clean_evidence(evidence: str, day: date | None) -> tuple[str, date | None]:
    """A claim has neither. Evidence without its date, or the other way round, proves nothing."""
    text = clean_text(evidence, max_length=EVIDENCE_LENGTH)
    if bool(text) != (day is not None):
        raise ValueError(_("Fill in both where the evidence is and its date, or neither."))
    if day is not None and day > localdate():
        raise ValueError(_("Evidence has a date of today or before."))
    return text, day


def _text(value: str, most: int) -> str:
    text = clean_text(value, max_length=most)
    if not text:
        raise ValueError(_("Fill in a name everywhere."))
    return text


def _key(value: str) -> str:
    key = value.strip()
    try:
        validate_slug(key)
    except ValidationError as error:
        raise ValueError(_("Use a to z, 0 to 9 and hyphens in a key.")) from error
    if len(key) > KEY_LENGTH:
        raise ValueError(_("Use at most {count} characters.").format(count=KEY_LENGTH))
    return key


def _country(code: str) -> str:
    upper = code.strip().upper()
    if upper not in COUNTRIES:
        words = _("There is no country with the letters {code}. Fill in two, such as NL.")
        raise ValueError(words.format(code=upper))
    return upper


def _iso(day: date | str) -> str:
    try:
        return (day if isinstance(day, date) else date.fromisoformat(day)).isoformat()
    except ValueError as error:
        raise ValueError(_("Fill in a date as 31-12-2026.")) from error


def _not_too_many(parts: Iterable[Any]) -> list[Any]:
    found = list(parts)
    if len(found) > MOST_PARTS:
        raise ValueError(_("Fill in at most {count}.").format(count=MOST_PARTS))
    return found
