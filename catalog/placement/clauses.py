"""The clauses of RBCLOUD-2026: what each asks, where it comes from, and what it says.

An ordered table; a clause is added or changed together with the name of the rule set. Conditions
are about public cloud where § 5 and § 3 are, and about every place where an assessment is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from catalog.placement.known import YES, Known, any_of
from catalog.placement.supply import SupplyTerms
from catalog.placement.workload import WorkloadTerms
from catalog.placement_words import LOWEST_INTEREST, Advised, EvidenceKind, Rubricering

POLICY: Final = "Rijksbreed cloudbeleid 2026"
YEAR: Final = 365  # days, of what is looked at every year


@dataclass(frozen=True)
class Wanted:
    """Evidence that a clause asks. ``instead``: of this kind it will do too."""

    kind: EvidenceKind
    within_days: int | None = None
    instead: EvidenceKind | None = None


@dataclass(frozen=True, kw_only=True)
class Clause:
    """One rule. ``verdict`` ALLOWED: it informs, and only when it is sure.

    ``about``: the words of ``text``'s subject, where that depends on the facts.
    """

    id: str
    source: str | Promise
    condition: Callable[[WorkloadTerms, SupplyTerms], Known]
    verdict: Advised
    text: str | Promise
    needs: tuple[Wanted, ...] = ()
    about: Callable[[WorkloadTerms, SupplyTerms], tuple[str, ...]] | None = None


def _interest_too_high(workload: WorkloadTerms, supply: SupplyTerms) -> Known:
    pairs = zip(workload.tbb_at_most, supply.bars_interest, strict=True)
    return any_of(*(is_so & is_barred for is_so, is_barred in pairs))


def _marking_too_high(workload: WorkloadTerms, supply: SupplyTerms) -> Known:
    pairs = zip(workload.marked_from, supply.bars_marking, strict=True)
    return any_of(*(is_so & is_barred for is_so, is_barred in pairs))


def _seal_too_low(workload: WorkloadTerms, supply: SupplyTerms) -> Known:
    pairs = zip(workload.tbb_at_most[1:], supply.any_too_low[1:], strict=True)
    return any_of(*(is_so & is_low for is_so, is_low in pairs))


def _low_objectives(workload: WorkloadTerms, supply: SupplyTerms) -> tuple[str, ...]:
    """The objectives that are too low, or may be."""
    found = {
        objective
        for tbb in range(1, LOWEST_INTEREST + 1)
        for objective, is_low in supply.too_low[tbb].items()
        if (workload.tbb_at_most[tbb] & is_low).truth is not False
    }
    return tuple(sorted(found))


def _why_material(workload: WorkloadTerms, supply: SupplyTerms) -> tuple[str, ...]:
    reasons = {
        "workload.is_core_task": workload.workload.is_core_task,
        "workload.personal_data": workload.large_scale.truth,
    }
    return tuple(name for name, is_so in reasons.items() if is_so)


_CONFIDENTIAL: Final = Rubricering.STG_CONFIDENTIEEL.rank

# § 5.2 and § 5.4: what never goes into a public cloud
_NEVER_PUBLIC: Final = (
    Clause(
        id="state_secret",
        source=f"{POLICY}, § 5.2",
        condition=lambda w, s: s.public & w.marked_from[_CONFIDENTIAL],
        verdict=Advised.PROHIBITED,
        text=_("State secrets do not go into a public cloud."),
    ),
    Clause(
        id="interest_public",
        source=f"{POLICY}, § 5.2",
        condition=lambda w, s: s.public & w.tbb_at_most[3],
        verdict=Advised.PROHIBITED,
        text=_("Data with TBB 1, 2 or 3 does not go into a public cloud."),
    ),
    Clause(
        id="register_source",
        source=f"{POLICY}, § 5.4",
        condition=lambda w, s: s.public & w.register_source,
        verdict=Advised.PROHIBITED,
        text=_("The source of a base register never stands in a public cloud."),
    ),
    Clause(
        id="register_copy",
        source=f"{POLICY}, § 5.4",
        condition=lambda w, s: s.public & w.register,
        verdict=Advised.CONDITIONAL,
        text=_("A base register must not stand in a public cloud alone."),
        needs=(Wanted(EvidenceKind.COPY_ELSEWHERE),),
    ),
    Clause(
        id="workplace",
        source=f"{POLICY}, § 4.5",
        condition=lambda w, s: s.public & w.workplace,
        verdict=Advised.CONDITIONAL,
        text=_(
            "Mail, documents and workplace go into a public cloud only if three things are "
            "settled: continuity is at risk otherwise, there is a tested exit plan, and two "
            "ministers agree."
        ),
        needs=(
            Wanted(EvidenceKind.CONTINUITY_RISK),
            Wanted(EvidenceKind.RISK_ANALYSIS),
            Wanted(EvidenceKind.EXIT_PLAN),
            Wanted(EvidenceKind.EXIT_TEST_PLANNED),
            Wanted(EvidenceKind.EXIT_TEST_DISRUPTIVE),
            Wanted(EvidenceKind.MINISTER_CONSENT),
            Wanted(EvidenceKind.DIGITAL_MINISTER_CONSENT),
        ),
    ),
)

# § 3: what comes before material use of a public cloud
_BEFORE_MATERIAL_USE: Final = (
    Clause(
        id="risk_analysis",
        source=f"{POLICY}, § 3.1",
        condition=lambda w, s: s.public & w.material,
        verdict=Advised.CONDITIONAL,
        text=_("For material use a risk analysis comes first."),
        needs=(Wanted(EvidenceKind.RISK_ANALYSIS),),
    ),
    Clause(
        id="prescan",
        source=f"{POLICY}, § 3.1",
        condition=lambda w, s: s.public & w.material & w.personal,
        verdict=Advised.CONDITIONAL,
        text=_("Personal data ask for a pre-scan DPIA."),
        needs=(Wanted(EvidenceKind.PRESCAN_DPIA, instead=EvidenceKind.DPIA),),
    ),
    Clause(
        id="dpia",
        source=f"{POLICY}, § 3.1",
        condition=lambda w, s: s.public & w.material & (w.large_scale | w.special),
        verdict=Advised.CONDITIONAL,
        text=_("Much or special personal data ask for a DPIA."),
        needs=(Wanted(EvidenceKind.DPIA),),
    ),
    Clause(
        id="dtia",
        source=f"{POLICY}, § 3.1",
        condition=lambda w, s: s.public & w.material & w.personal & s.third_country,
        verdict=Advised.CONDITIONAL,
        text=_(
            "Personal data may come under the law of a country outside the EEA. That asks for a "
            "DTIA."
        ),
        needs=(Wanted(EvidenceKind.DTIA),),
    ),
    Clause(
        id="exit_plan",
        source=f"{POLICY}, § 3.2",
        condition=lambda w, s: s.public & w.material,
        verdict=Advised.CONDITIONAL,
        text=_("There is an exit plan. You test it in two ways and look at it every year."),
        needs=(
            Wanted(EvidenceKind.EXIT_PLAN, within_days=YEAR),
            Wanted(EvidenceKind.EXIT_TEST_PLANNED, within_days=YEAR),
            Wanted(EvidenceKind.EXIT_TEST_DISRUPTIVE, within_days=YEAR),
            Wanted(EvidenceKind.EXIT_DESTRUCTION),
        ),
    ),
    Clause(
        id="notice",
        source=f"{POLICY}, § 3.3",
        condition=lambda w, s: s.public & w.material,
        verdict=Advised.CONDITIONAL,
        text=_("You tell CISO Rijk beforehand."),
        needs=(Wanted(EvidenceKind.CISO_NOTICE),),
    ),
    Clause(
        id="instruction",
        source=f"{POLICY}, § 3.3",
        condition=lambda w, s: s.public & w.instructed_against,
        verdict=Advised.PROHIBITED,
        text=_("CISO Rijk gave an instruction: this is not allowed."),
    ),
)

# § 4.3 and § 4.6: under whose law, where, and behind which key
_UNDER_WHOSE_LAW: Final = (
    Clause(
        id="vital_supplier",
        source=f"{POLICY}, § 4.3",
        condition=lambda w, s: w.vital & s.foreign_control,
        verdict=Advised.DISCOURAGED,
        text=_(
            "For a vital organisation a supplier under law from outside the EEA is discouraged."
        ),
    ),
    Clause(
        id="location",
        source=f"{POLICY}, § 4.6",
        condition=lambda w, s: s.public & s.far_away,
        verdict=Advised.PROHIBITED,
        text=_("Data stays in the EEA or Switzerland."),
    ),
    Clause(
        id="encryption",
        source=f"{POLICY}, § 4.6",
        condition=lambda w, s: s.public & s.unencrypted,
        verdict=Advised.PROHIBITED,
        text=_("Data is encrypted: where it is stored and on its way."),
    ),
    Clause(
        id="keys",
        source=f"{POLICY}, § 4.6",
        condition=lambda w, s: s.public & s.keys_elsewhere,
        verdict=Advised.DISCOURAGED,
        text=_("The keys are better not with the supplier."),
    ),
    Clause(
        id="special_data",
        source=f"{POLICY}, § 4.6",
        condition=lambda w, s: s.public & w.special,
        verdict=Advised.CONDITIONAL,
        text=_(
            "Special personal data is better not in a public cloud. Otherwise it asks for extra "
            "technical measures."
        ),
        needs=(Wanted(EvidenceKind.PRIVACY_TECHNOLOGY),),
    ),
)

# what was found out about the place itself, whoever runs it
_BY_ASSESSMENT: Final = (
    Clause(
        id="place_not_assessed",
        source="BIO2, 5.23.01",
        condition=lambda w, s: s.not_assessed,
        verdict=Advised.PROHIBITED,
        text=_("This place has not been assessed, or too long ago."),
    ),
    Clause(
        id="interest_too_high",
        source=_("Assessment of the place"),
        condition=_interest_too_high,
        verdict=Advised.PROHIBITED,
        text=_("The interest to protect is too high for this place."),
    ),
    Clause(
        id="rubricering_too_high",
        source="VIRBI 2025",
        condition=_marking_too_high,
        verdict=Advised.PROHIBITED,
        text=_("This place is not approved for this marking."),
    ),
    Clause(
        id="no_personal_data_there",
        source=_("Assessment of the place"),
        condition=lambda w, s: w.personal & s.bars_personal,
        verdict=Advised.PROHIBITED,
        text=_("Personal data may not stand there."),
    ),
    Clause(
        id="no_special_data_there",
        source=_("Assessment of the place"),
        condition=lambda w, s: w.special & s.bars_special,
        verdict=Advised.PROHIBITED,
        text=_("Special personal data may not stand there."),
    ),
    Clause(
        id="seal_too_low",
        source="EU Cloud Sovereignty Framework",
        condition=_seal_too_low,
        verdict=Advised.PROHIBITED,
        text=_("The place is less sovereign than this data asks: {about}."),
        about=_low_objectives,
    ),
    Clause(
        id="review_overdue",
        source=f"{POLICY}, § 3.2",
        condition=lambda w, s: w.overdue,
        verdict=Advised.DISCOURAGED,
        text=_("The answers about this project are old. Look at them again."),
    ),
)

_FOR_INFORMATION: Final = (
    Clause(
        id="material_use",
        source=f"{POLICY}, § 4.1",
        condition=lambda w, s: w.material,
        verdict=Advised.ALLOWED,
        text=_("This is material use: {about}."),
        about=_why_material,
    ),
    Clause(
        id="known_use",
        source=f"{POLICY}, § 3.4",
        condition=lambda w, s: YES,
        verdict=Advised.ALLOWED,
        text=_("This use stands in the register of known use."),
    ),
    Clause(
        id="publish",
        source=f"{POLICY}, § 4.4",
        condition=lambda w, s: s.public & w.material,
        verdict=Advised.ALLOWED,
        text=_("The decision can be made public. The analysis may carry a marking."),
    ),
)

CLAUSES: Final = (
    *_NEVER_PUBLIC,
    *_BEFORE_MATERIAL_USE,
    *_UNDER_WHOSE_LAW,
    *_BY_ASSESSMENT,
    *_FOR_INFORMATION,
)
