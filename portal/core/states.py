"""State machines as a table: from which state to which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from portal.core.errors import DomainError


class IllegalTransition(DomainError):
    code = "illegal_transition"
    message = _("This is no longer possible: the state is now “{state}”.")


def check_transition(transitions: Mapping[Any, frozenset[Any]], current: Any, target: Any) -> None:
    """Raise IllegalTransition unless ``transitions`` allows ``current`` → ``target``."""
    if target not in transitions[current]:
        raise IllegalTransition(state=getattr(current, "label", current))
