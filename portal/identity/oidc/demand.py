"""What an act may ask of the login behind it."""

from __future__ import annotations

from dataclasses import dataclass

from portal.identity.oidc.assurance import Assurance


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What a login must be worth: a level, and at most so many seconds old (None: any age)."""

    level: Assurance
    max_age: int | None = None
