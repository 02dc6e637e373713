"""The words in which placement is stored, asked and answered, with their labels.

Models, forms and the rules use the same words. Of its own: models may not import the rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# the highest interest to protect is 1 (TBB, VIRBI 2025)
LOWEST_INTEREST: Final = 4


class Advised(StrEnum):
    """The verdict of the rules, mildest first."""

    ALLOWED = "allowed"
    DISCOURAGED = "discouraged"
    CONDITIONAL = "conditional"
    PROHIBITED = "prohibited"


class PersonalData(StrEnum):
    """How much personal data there is, as in § 4.1 of the cloud policy."""

    NONE = "none"
    SOME = "some"
    LARGE_SCALE = "large_scale"


class Score(StrEnum):
    """How bad it is when availability, integrity or confidentiality fails."""

    LOW = "low"
    MIDDLE = "middle"
    HIGH = "high"
    VERY_HIGH = "very_high"

    @property
    def level(self) -> int:
        """The interest to protect (TBB) that goes with it: 1, the highest, to 4."""
        return LOWEST_INTEREST - list(Score).index(self)


class Rubricering(StrEnum):
    """The marking by VIRBI 2025, which a department decides on. Nothing here ever infers it."""

    NONE = "none"
    DEP_VERTROUWELIJK = "dep_vertrouwelijk"
    STG_CONFIDENTIEEL = "stg_confidentieel"
    STG_GEHEIM = "stg_geheim"
    STG_ZEER_GEHEIM = "stg_zeer_geheim"

    @property
    def rank(self) -> int:
        """0, no marking, to 4."""
        return list(Rubricering).index(self)

    @property
    def floor(self) -> int:
        """The largest TBB that data with this marking can have: at Stg. GEHEIM it is 1 or 2."""
        return min(LOWEST_INTEREST, LOWEST_INTEREST + 1 - self.rank)


class BaseRegister(StrEnum):
    """Whether it is a base register (basisregistratie)."""

    NO = "no"
    COPY = "copy"
    SOURCE = "source"


class Hosting(StrEnum):
    """Of whom the place is."""

    GOVERNMENT = "government"
    PRIVATE = "private"
    PUBLIC = "public"


class Keys(StrEnum):
    """Who holds the keys of what is encrypted."""

    CUSTOMER = "customer"
    SHARED = "shared"
    PROVIDER = "provider"


class Screening(StrEnum):
    """How people of the operator were screened."""

    NONE = "none"
    VOG = "vog"
    VGB = "vgb"


class DependencyKind(StrEnum):
    """What a place cannot do without."""

    HARDWARE = "hardware"
    SOFTWARE = "software"
    SERVICE = "service"


class Objective(StrEnum):
    """An objective of the EU Cloud Sovereignty Framework."""

    SOV_1 = "SOV-1"
    SOV_2 = "SOV-2"
    SOV_3 = "SOV-3"
    SOV_4 = "SOV-4"
    SOV_5 = "SOV-5"
    SOV_6 = "SOV-6"
    SOV_7 = "SOV-7"
    SOV_8 = "SOV-8"


class EvidenceKind(StrEnum):
    """What a project refers to. The documents stay where they are: they may carry a marking."""

    RISK_ANALYSIS = "risk_analysis"
    PRESCAN_DPIA = "prescan_dpia"
    DPIA = "dpia"
    DTIA = "dtia"
    EXIT_PLAN = "exit_plan"
    EXIT_TEST_PLANNED = "exit_test_planned"
    EXIT_TEST_DISRUPTIVE = "exit_test_disruptive"
    EXIT_DESTRUCTION = "exit_destruction"
    CISO_NOTICE = "ciso_notice"
    CONTINUITY_RISK = "continuity_risk"
    MINISTER_CONSENT = "minister_consent"
    DIGITAL_MINISTER_CONSENT = "digital_minister_consent"
    COPY_ELSEWHERE = "copy_elsewhere"
    PRIVACY_TECHNOLOGY = "privacy_technology"
    SECURITY_ADVICE = "security_advice"
    PROCESSING_AGREEMENT = "processing_agreement"


# Told apart by their type: words of two lists may be spelled alike, as “none”.
_LABELS: Final[Mapping[type[StrEnum], Mapping[StrEnum, str | Promise]]] = {
    Advised: {
        Advised.ALLOWED: _("Allowed"),
        Advised.DISCOURAGED: _("Discouraged"),
        Advised.CONDITIONAL: _("Under conditions"),
        Advised.PROHIBITED: _("Not allowed"),
    },
    PersonalData: {
        PersonalData.NONE: _("No"),
        PersonalData.SOME: _("Some"),
        PersonalData.LARGE_SCALE: _("On a large scale"),
    },
    Score: {
        Score.LOW: _("Low"),
        Score.MIDDLE: _("Middle"),
        Score.HIGH: _("High"),
        Score.VERY_HIGH: _("Very high"),
    },
    Rubricering: {
        Rubricering.NONE: _("No marking"),
        Rubricering.DEP_VERTROUWELIJK: "Dep. VERTROUWELIJK",
        Rubricering.STG_CONFIDENTIEEL: "Stg. CONFIDENTIEEL",
        Rubricering.STG_GEHEIM: "Stg. GEHEIM",
        Rubricering.STG_ZEER_GEHEIM: "Stg. ZEER GEHEIM",
    },
    BaseRegister: {
        BaseRegister.NO: _("No"),
        BaseRegister.COPY: _("A copy"),
        BaseRegister.SOURCE: _("The source"),
    },
    Hosting: {
        Hosting.GOVERNMENT: _("Of the government itself"),
        Hosting.PRIVATE: _("At a supplier, for one customer"),
        Hosting.PUBLIC: _("Public cloud"),
    },
    Keys: {
        Keys.CUSTOMER: _("The customer alone"),
        Keys.SHARED: _("Customer and supplier"),
        Keys.PROVIDER: _("The supplier"),
    },
    Screening: {
        Screening.NONE: _("Not screened"),
        Screening.VOG: _("Certificate of conduct (VOG)"),
        Screening.VGB: _("Security clearance (VGB)"),
    },
    DependencyKind: {
        DependencyKind.HARDWARE: _("Hardware"),
        DependencyKind.SOFTWARE: _("Software"),
        DependencyKind.SERVICE: _("Service"),
    },
    Objective: {
        Objective.SOV_1: _("Strategy and ownership"),
        Objective.SOV_2: _("Law and jurisdiction"),
        Objective.SOV_3: _("Data and AI"),
        Objective.SOV_4: _("Operations"),
        Objective.SOV_5: _("Supply chain"),
        Objective.SOV_6: _("Technology"),
        Objective.SOV_7: _("Security and compliance"),
        Objective.SOV_8: _("Environment and sustainability"),
    },
    EvidenceKind: {
        EvidenceKind.RISK_ANALYSIS: _("Risk analysis"),
        EvidenceKind.PRESCAN_DPIA: _("Pre-scan DPIA"),
        EvidenceKind.DPIA: _("DPIA"),
        EvidenceKind.DTIA: _("DTIA"),
        EvidenceKind.EXIT_PLAN: _("Exit plan"),
        EvidenceKind.EXIT_TEST_PLANNED: _("Test of the exit plan: planned leave"),
        EvidenceKind.EXIT_TEST_DISRUPTIVE: _("Test of the exit plan: sudden leave"),
        EvidenceKind.EXIT_DESTRUCTION: _("Agreement that data is destroyed afterwards"),
        EvidenceKind.CISO_NOTICE: _("Notice to CISO Rijk"),
        EvidenceKind.CONTINUITY_RISK: _("Proof that continuity is at risk otherwise"),
        EvidenceKind.MINISTER_CONSENT: _("Consent of your minister or state secretary"),
        EvidenceKind.DIGITAL_MINISTER_CONSENT: _("Consent of the minister for digitalisation"),
        EvidenceKind.COPY_ELSEWHERE: _("Proof that the register stands elsewhere too"),
        EvidenceKind.PRIVACY_TECHNOLOGY: _("Extra technical measures for privacy"),
        EvidenceKind.SECURITY_ADVICE: _("Advice of a security service"),
        EvidenceKind.PROCESSING_AGREEMENT: _("Processing agreement"),
    },
}

# How a fact is called where it is missing. The keys are a contract: programs read them.
FACT_WORDS: Final[Mapping[str, str | Promise]] = {
    "workload.is_core_task": _("core task"),
    "workload.personal_data": _("personal data"),
    "workload.has_special_data": _("special personal data"),
    "workload.availability": _("availability"),
    "workload.integrity": _("correctness of data"),
    "workload.confidentiality": _("confidentiality"),
    "workload.rubricering": _("marking (rubricering)"),
    "workload.base_register": _("base register"),
    "workload.is_workplace": _("mail, documents or workplace"),
    "workload.is_vital": _("vital or essential organisation"),
    "workload.review_on": _("date of the next look"),
    "supply.hosting": _("whose place it is"),
    "supply.chain": _("owners of the place, and their countries"),
    "supply.locations": _("countries where data stands"),
    "supply.keys": _("who holds the keys"),
    "supply.is_encrypted_at_rest": _("encryption of what is stored"),
    "supply.is_encrypted_in_transit": _("encryption of what is on its way"),
    "supply.highest_protection_level": _("highest interest (TBB) that the place admits"),
    "supply.highest_rubricering": _("highest marking that the place admits"),
    "supply.admits_personal_data": _("whether the place admits personal data"),
    "supply.admits_special_data": _("whether the place admits special personal data"),
    "supply.valid_until": _("until when the place is assessed"),
    "supply.dependencies": _("what the place depends on"),
    "supply.SOV-1": _("proof of sovereignty: strategy and ownership"),
    "supply.SOV-2": _("proof of sovereignty: law and jurisdiction"),
    "supply.SOV-3": _("proof of sovereignty: data and AI"),
    "supply.SOV-4": _("proof of sovereignty: operations"),
    "supply.SOV-5": _("proof of sovereignty: supply chain"),
    "supply.SOV-6": _("proof of sovereignty: technology"),
    "supply.SOV-7": _("proof of sovereignty: security and compliance"),
    "supply.SOV-8": _("proof of sovereignty: environment and sustainability"),
}


def severity(verdict: Advised) -> int:
    """How strict it is: 0, allowed, to 3, prohibited."""
    return list(Advised).index(verdict)


def label_of(word: StrEnum) -> str | Promise:
    """How the word is shown."""
    return _LABELS[type(word)][word]


def choices_of(words: type[StrEnum]) -> list[tuple[str, str | Promise]]:
    """The words with their labels, for a field of a model or a form."""
    return [(word.value, label_of(word)) for word in words]
