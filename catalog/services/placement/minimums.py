"""Which SEAL is enough for data of a protection level."""

from __future__ import annotations

from catalog.models import SealMinimum
from catalog.placement import Minimums
from catalog.services.placement.reading import minimums_of
from portal.identity.models.proposed import DecisionState


def minimums_in_force() -> Minimums:
    """The lowest SEAL that is enough, by TBB and objective: what was set, else the default."""
    in_force = SealMinimum.objects.filter(state=DecisionState.CONFIRMED, ended_at=None)
    return minimums_of(list(in_force.values_list("protection_level", "objective", "seal")))
