"""Which data may stand where. Pure functions: facts in, verdict and reasons out.

Ruleset 2026-1 holds the core of the government-wide cloud policy of 3 July 2026 for the
sovereign cloud: data with a Te Beschermen Belang (TBB, VIRBI 2025) of 3 or 4 may stand in a
place that its operator runs under Dutch public control; higher interests (1, 2) may not.
A missing fact means no.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

RULESET: Final = "2026-1"

REASONS: Final[Mapping[str, str | Promise]] = {
    "project_not_classified": _("Nobody has classified the data of this project yet."),
    "personal_data_unknown": _("It is not known whether this project holds personal data."),
    "interest_too_high": _("The interest to protect is too high for this place."),
    "place_not_assessed": _("This place has not been assessed yet."),
    "no_personal_data_there": _("Personal data may not stand there."),
}


@dataclass(frozen=True)
class ProjectFacts:
    """``protection_level``: TBB, 1 (highest) to 4."""

    protection_level: int | None
    has_personal_data: bool | None


@dataclass(frozen=True)
class CloudFacts:
    """``highest_protection_level``: the smallest TBB number admitted; ``seal``: EU CSF level."""

    highest_protection_level: int | None
    admits_personal_data: bool | None
    seal: int | None

    @classmethod
    def from_profile(cls, profile: Mapping[str, Any]) -> CloudFacts:
        """Read the facts from ``Cloud.operator_profile``; what is not there stays None."""
        return cls(
            profile.get("highest_protection_level"),
            profile.get("admits_personal_data"),
            profile.get("seal"),
        )


@dataclass(frozen=True)
class Verdict:
    """``reasons``: codes from REASONS; empty means allowed."""

    reasons: tuple[str, ...]

    @property
    def is_allowed(self) -> bool:
        return not self.reasons


def judge(project: ProjectFacts, cloud: CloudFacts) -> Verdict:
    """Return whether the project's data may stand in the cloud, with every reason why not."""
    reasons = []
    if cloud.highest_protection_level is None or cloud.seal is None:
        reasons.append("place_not_assessed")
    if project.protection_level is None:
        reasons.append("project_not_classified")
    elif (
        cloud.highest_protection_level is not None
        and project.protection_level < cloud.highest_protection_level
    ):
        reasons.append("interest_too_high")
    if project.has_personal_data is None:
        reasons.append("personal_data_unknown")
    elif project.has_personal_data and not cloud.admits_personal_data:
        reasons.append("no_personal_data_there")
    return Verdict(tuple(reasons))
