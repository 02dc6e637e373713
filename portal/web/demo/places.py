"""What the demo knows of its cloud, and what that was found out from."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.utils.timezone import localdate

from catalog.placement import Dependency, Link, Supply
from catalog.placement.csf import CRITERIA
from catalog.placement_words import DependencyKind, Hosting, Keys, Rubricering
from catalog.services.placement import CsfAnswer

# OpenStack of the government on bought hardware: makers of chips, and who certifies, keep it
# from being sovereign in all. To all that is not here: the highest answer.
_ANSWERS: Final = {
    "SOV-1.2": 3,
    "SOV-1.6": 1,
    "SOV-2.5": 2,
    "SOV-4.1": 3,
    "SOV-5.1": 2,
    "SOV-5.2": 2,
    "SOV-5.3": 2,
    "SOV-5.4": 3,
    "SOV-5.5": 3,
    "SOV-5.6": 3,
    "SOV-5.7": 3,
    "SOV-6.3": 3,
    "SOV-7.1": 3,
    "SOV-7.5": 3,
    "SOV-8.1": 3,
    "SOV-8.4": 3,
}
_FOUND_OUT_DAYS_AGO: Final = 90


def government_place() -> Supply:
    """A data centre of the government, for TBB 3 and 4; its answers make it SEAL-3."""
    return Supply(
        hosting=Hosting.GOVERNMENT,
        chain=(
            Link(name="Overheidsdatacenter Noord", jurisdiction="NL", is_operator=True),
            Link(name="Staat der Nederlanden", jurisdiction="NL"),
        ),
        locations=("NL",),
        keys=Keys.CUSTOMER,
        is_encrypted_at_rest=True,
        is_encrypted_in_transit=True,
        highest_protection_level=3,
        highest_rubricering=Rubricering.DEP_VERTROUWELIJK,
        admits_personal_data=True,
        admits_special_data=True,
        valid_until=localdate() + timedelta(days=2 * 365),
        dependencies=(
            Dependency(
                key="processors",
                name="Processors",
                kind=DependencyKind.HARDWARE,
                supplier="Voorbeeldchips",
                jurisdiction="US",
                is_critical=True,
            ),
            Dependency(
                key="openstack",
                name="OpenStack",
                kind=DependencyKind.SOFTWARE,
                supplier="Voorbeeldstack",
                jurisdiction="DE",
                is_critical=True,
                needs=("processors",),
            ),
        ),
    )


def government_answers() -> dict[str, CsfAnswer]:
    """To every criterion, each proven by a chapter of the same report."""
    day = localdate() - timedelta(days=_FOUND_OUT_DAYS_AGO)
    return {
        code: CsfAnswer(
            index=_ANSWERS.get(code, len(criterion.ladder) - 1),
            evidence=f"Beoordelingsrapport 2026-14, hoofdstuk {code.removeprefix('SOV-')}",
            evidenced_on=day,
        )
        for code, criterion in CRITERIA.items()
    }
