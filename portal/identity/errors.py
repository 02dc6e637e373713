"""The refusals of the tree."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from portal.core.errors import DomainError


class NodeEnded(DomainError):
    code = "node_ended"
    message = _("“{name}” has ended. Nothing changes there any more.")
