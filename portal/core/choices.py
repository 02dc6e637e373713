"""A choice that shows its consequence. Forms of every app use it; portal.web draws it as a card."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.utils.functional import Promise


@dataclass(frozen=True)
class ChoiceCard:
    """The label of one option of a radio or checkbox field.

    Attributes:
        title: what is chosen.
        description: what it means, in one line.
        monthly_price: euros per month that it adds; None shows no price.
        refusal: why it cannot be chosen now; the option is then disabled.
        warning: what is in its way, though it can be chosen.
    """

    title: str | Promise
    description: str | Promise = ""
    monthly_price: Decimal | None = None
    refusal: str | Promise = ""
    warning: str | Promise = ""

    def __str__(self) -> str:
        return str(self.title)
