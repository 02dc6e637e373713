"""What people type as a limit, in both languages."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.utils.translation import override

from catalog.limit_forms import LimitAmountField


@pytest.mark.parametrize("language", ["nl", "en"])
@pytest.mark.parametrize(
    ("typed", "amount"),
    [
        ("12", 12),
        ("3,5", Decimal("3.5")),
        ("3.5", Decimal("3.5")),
        ("1.000", 1000),
        ("1,000", 1000),
        ("12 000", 12000),
        ("-1", None),  # the service says what is wrong with a negative one
        ("onbeperkt", None),
        ("1e5", None),
        ("1,00,0", None),
        ("veel", None),
        ("9" * 40, None),
    ],
)
def test_amount(language, typed, amount):
    with override(language):
        field = LimitAmountField()
        if amount is None:
            with pytest.raises(ValidationError):
                field.clean(typed)
        else:
            assert field.clean(typed) == amount
