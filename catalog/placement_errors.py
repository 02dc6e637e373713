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
