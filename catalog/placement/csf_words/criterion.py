"""How one criterion is said."""

from __future__ import annotations

from typing import NamedTuple

from django.utils.functional import Promise

Text = str | Promise


class CriterionWords(NamedTuple):
    """``answers``: in the order of the ladder, lowest first."""

    title: Text
    answers: tuple[Text, ...]
