"""Refusals about placement."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from portal.core.errors import DomainError


class PlacementRefused(DomainError):
    """Context: ``reasons`` in words, the ``verdict`` and the ``clauses`` as programs read them."""

    code = "placement_refused"
    message = _("This data may not stand there: {reasons}")

    @property
    def facts(self) -> dict[str, Any]:
        return {name: self.context[name] for name in ("verdict", "clauses")}


class SupplyWaits(DomainError):
    code = "supply_waits"
    message = _(
        "An assessment of this place is being made, or waits for a decision. Go on with that one."
    )


class SupplySettled(DomainError):
    """Context: ``state``, as shown."""

    code = "supply_settled"
    message = _("Somebody was first: this assessment is “{state}” by now.")


class SupplyIncomplete(DomainError):
    """Context: ``missing``: what it lacks, in words."""

    code = "supply_incomplete"
    message = _("This assessment does not say everything yet. It lacks: {missing}.")


class OwnSupply(DomainError):
    code = "own_supply"
    http_status = 403
    message = _("You proposed this yourself. A second person must decide.")


class MinimumWaits(DomainError):
    code = "minimum_waits"
    message = _("A proposal about this level waits already. Decide on that one first.")


class MinimumSettled(DomainError):
    """Context: ``state``, as shown."""

    code = "minimum_settled"
    message = _("Somebody was first: this proposal is “{state}” by now.")


class OwnMinimum(DomainError):
    code = "own_minimum"
    http_status = 403
    message = _("You proposed this yourself. A second person must decide.")
