"""Two examples of a public cloud, to try answers on. Nobody orders there; no supplier is meant.

Assumed is that all is known of them and in order, so that the cloud policy alone speaks.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from catalog.placement.supply import Link, Supply
from catalog.placement_words import Hosting, Keys, Objective, Rubricering

_FULL_SEAL = 4


def public_examples(*, at: date) -> Mapping[str, Supply]:
    """By name: ``public_european`` has owners in the EU only, ``public_foreign`` one outside."""
    operator = Link(name="operator", jurisdiction="NL", is_operator=True)
    owner = Link(name="owner", jurisdiction="US")
    return {
        "public_european": _example((operator,), at=at),
        "public_foreign": _example((operator, owner), at=at),
    }


def _example(chain: tuple[Link, ...], *, at: date) -> Supply:
    return Supply(
        hosting=Hosting.PUBLIC,
        chain=chain,
        locations=("DE", "NL"),
        keys=Keys.CUSTOMER,
        is_encrypted_at_rest=True,
        is_encrypted_in_transit=True,
        highest_protection_level=1,
        highest_rubricering=Rubricering.STG_ZEER_GEHEIM,
        admits_personal_data=True,
        admits_special_data=True,
        seals=tuple((objective, _FULL_SEAL) for objective in Objective),
        valid_until=at,
        dependencies=(),
    )
