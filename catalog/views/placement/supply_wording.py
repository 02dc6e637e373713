"""What is known of a place, in words and in ladders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from catalog.models import SupplyProfile
from catalog.placement import Minimums
from catalog.placement.csf import (
    CRITERIA,
    HIGHEST_SEAL,
    Answer,
    Assessment,
    Criterion,
    Framework,
    assess,
    criteria_of,
    proven,
)
from catalog.placement.csf_words import CRITERION_WORDS, FRAMEWORK_NAMES
from catalog.placement.raising import what_raises
from catalog.placement.supply import EEA
from catalog.placement_words import Hosting, Keys, Objective, Rubricering, Screening, label_of
from catalog.services.placement import answers_of
from catalog.services.placement.supplies import lowest_of, seals_of
from portal.core.countries import country_name
from portal.core.formats import day, quantity

USUAL_LEVEL: Final = 3  # the TBB whose minimum is shown where the place names none
STATE_TONES: Final[Mapping[str, str]] = {
    "proposed": "neutral",
    "confirmed": "success",
    "refused": "error",
    "withdrawn": "neutral",
}


@dataclass(frozen=True, kw_only=True)
class Rung:
    """A step of a ladder, as it is drawn: where it stands, and whether it was reached."""

    x: float
    css: str


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """How sovereign a place is in one objective. ``seal`` None: not proven.

    ``minimum_x``: where the lowest SEAL that is enough ends. ``binds``: it keeps the whole low.
    """

    key: str
    name: str
    seal: int | None
    minimum: int
    minimum_x: float
    is_enough: bool
    binds: bool
    rungs: list[Rung]


@dataclass(frozen=True, kw_only=True)
class CriterionRow:
    """A criterion with its answer; ``answer`` empty: a gap. ``raised_by``: what would lift it."""

    code: str
    title: str
    answer: str
    seal: int | None
    points: Decimal | None
    can_bind: bool
    evidence: str
    evidenced_on: date | None
    raised_by: str


@dataclass(frozen=True, kw_only=True)
class ObjectivePart:
    """The criteria of one objective, and its section in a draft."""

    section: str
    name: str
    seal: int | None
    gaps: int
    claims: int
    rows: list[CriterionRow]


@dataclass(frozen=True, kw_only=True)
class Score:
    """By one version of the weights: what is proven, and what is claimed."""

    framework: str
    proven: str
    claimed: str


@dataclass(frozen=True, kw_only=True)
class Sovereignty:
    """Everything about how sovereign a place is. ``seal`` None: not proven yet."""

    seal: int | None
    level: int
    ladders: list[Ladder]
    scores: list[Score]
    parts: list[ObjectivePart]
    gaps: list[str]
    claims: list[str]
    is_enough: bool


def name_of(profile: SupplyProfile) -> str:
    """The place: a cloud, or what an offering makes in it."""
    if profile.offering is None:
        return profile.cloud.name
    versions = sorted(profile.offering.versions.all(), key=lambda each: -each.number)
    named = next((each for each in versions if each.cloud_id == profile.cloud_id), None)
    offering = named.name if named else profile.offering.code
    return _("{offering} in {cloud}").format(offering=offering, cloud=profile.cloud.name)


def state_of(profile: SupplyProfile) -> tuple[str, str]:
    """Tone and text of its badge."""
    if profile.is_draft:
        return "active", _("Draft")
    if profile.ended_at is not None:
        return "neutral", _("Replaced")
    if profile.state == "confirmed":
        return "success", _("In force")
    return STATE_TONES[profile.state], profile.get_state_display()


def facts_in_words(profile: SupplyProfile) -> list[tuple[str, str]]:
    """What was assessed in general: question and answer, in the order of the form."""
    return [
        (_("Whose place it is"), _word(Hosting, profile.hosting)),
        (_("Countries where data stands"), _countries(profile.locations) or _unknown()),
        (_("Who holds the keys"), _word(Keys, profile.keys)),
        (_("Encrypted where it is stored"), _said(profile.is_encrypted_at_rest)),
        (_("Encrypted on its way"), _said(profile.is_encrypted_in_transit)),
        (_("Encrypted while it is worked with"), _said(profile.is_encrypted_in_use)),
        (_("Screening of people"), _word(Screening, profile.personnel_screening)),
        (_("Certificates"), _certificates(profile) or _("None named")),
        (
            _("Highest interest (TBB)"),
            str(profile.highest_protection_level or "") or _unknown(),
        ),
        (_("Highest marking"), _word(Rubricering, profile.highest_rubricering)),
        (_("Personal data"), _said(profile.admits_personal_data)),
        (_("Special personal data"), _said(profile.admits_special_data)),
    ]


def is_outside_eea(jurisdiction: str) -> bool:
    """Whether the law of a country outside the EEA holds. Of an unknown country nobody knows."""
    return bool(jurisdiction) and jurisdiction not in EEA


def ladders_of(
    seals: Mapping[Objective, int | None], minimums: Minimums, level: int
) -> list[Ladder]:
    """A ladder for each objective, beside what data with that TBB asks."""
    lowest = lowest_of(seals)
    return [
        _ladder(objective, seals[objective], minimums[level, objective], lowest)
        for objective in Objective
    ]


def sovereignty_of(profile: SupplyProfile, minimums: Minimums) -> Sovereignty:
    """How sovereign a place is, beside what data of the highest interest there asks."""
    answers = answers_of(profile)
    seals = seals_of(profile)
    level = profile.highest_protection_level or USUAL_LEVEL
    ladders = ladders_of(seals, minimums, level)
    claims = [code for code in CRITERIA if code in answers and not answers[code].is_proven]
    return Sovereignty(
        seal=lowest_of(seals),
        level=level,
        ladders=ladders,
        scores=[_score(answers, framework) for framework in _frameworks(profile)]
        if answers
        else [],
        parts=_parts(profile, answers, seals) if answers or profile.is_draft else [],
        gaps=[code for code in CRITERIA if code not in answers],
        claims=claims,
        is_enough=all(each.is_enough for each in ladders),
    )


def score_in_words(score: Decimal | None) -> str:
    """To one decimal; what was reckoned is kept whole."""
    return "" if score is None else quantity(score.quantize(Decimal("0.1")))


def _ladder(objective: Objective, seal: int | None, minimum: int, lowest: int | None) -> Ladder:
    width = 100 / HIGHEST_SEAL
    binds = seal is not None and seal == lowest and seal < HIGHEST_SEAL
    reached = "cl-seal-bind" if binds else "cl-seal-on"
    return Ladder(
        key=objective.lower(),
        name=str(label_of(objective)),
        seal=seal,
        minimum=minimum,
        minimum_x=minimum * width,
        is_enough=minimum == 0 or (seal is not None and seal >= minimum),
        binds=binds,
        rungs=[
            Rung(x=step * width, css=reached if seal is not None and step < seal else "cl-seal-off")
            for step in range(HIGHEST_SEAL)
        ],
    )


def _frameworks(profile: SupplyProfile) -> list[Framework]:
    """That of the assessment first."""
    own = Framework(profile.framework or Framework.GUIDANCE_2026_06)
    return [own, *(each for each in Framework if each != own)]


def _score(answers: Mapping[str, Answer], framework: Framework) -> Score:
    of_proven: Assessment = assess(answers, framework, only_proven=True)
    return Score(
        framework=str(FRAMEWORK_NAMES[framework]),
        proven=score_in_words(of_proven.score),
        claimed=score_in_words(assess(answers, framework).score),
    )


def _parts(
    profile: SupplyProfile,
    answers: Mapping[str, Answer],
    seals: Mapping[Objective, int | None],
) -> list[ObjectivePart]:
    said = {each.criterion: each for each in profile.answers.all()}
    found = []
    for objective in Objective:
        raises = {each.criterion: each for each in what_raises(proven(answers), objective)}
        rows = [
            _row(criterion, said.get(criterion.code), raises.get(criterion.code))
            for criterion in criteria_of(objective)
        ]
        found.append(
            ObjectivePart(
                section=objective.lower(),
                name=str(label_of(objective)),
                seal=seals[objective],
                gaps=sum(1 for row in rows if not row.answer),
                claims=sum(1 for row in rows if row.answer and not row.evidence),
                rows=rows,
            )
        )
    return found


def _row(criterion: Criterion, said: Any, raised: Any) -> CriterionRow:
    words = CRITERION_WORDS[criterion.code]
    rung = criterion.ladder[said.answer] if said else None
    return CriterionRow(
        code=criterion.code,
        title=str(words.title),
        answer=str(words.answers[said.answer]) if said else "",
        seal=rung.seal if rung else None,
        points=rung.points if rung else None,
        can_bind=criterion.can_bind,
        evidence=said.evidence if said else "",
        evidenced_on=said.evidenced_on if said else None,
        raised_by=str(words.answers[raised.to_index]) if raised else "",
    )


def _word(words: Any, value: str) -> str:
    return str(label_of(words(value))) if value else _unknown()


def _said(value: bool | None) -> str:
    if value is None:
        return _unknown()
    return _("Yes") if value else _("No")


def _unknown() -> str:
    return _("Not known")


def _countries(codes: Iterable[str]) -> str:
    return ", ".join(map(country_name, codes))


def _certificates(profile: SupplyProfile) -> str:
    words: str | Promise = _("{name}, until {day}")
    return "; ".join(
        str(words).format(name=one["name"], day=day(date.fromisoformat(one["valid_until"])))
        for one in profile.certifications
    )
