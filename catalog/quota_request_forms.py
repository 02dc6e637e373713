"""What is asked about a request for a higher limit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from catalog.limit_forms import LimitAmountField
from catalog.models import LIMIT_REASON_LENGTH, Cart, Metric
from catalog.services.quota_requests import Asked
from portal.core.formats import DATE_FORMATS
from portal.core.forms import RefusableForm
from portal.identity.models import Node
from portal.identity.models.proposed import DECISION_LENGTH


class QuotaRequestForm(RefusableForm):
    """For which part and of what, how much, for how long, and why.

    ``parts``: what can be chosen, each with the names that lead to it.
    """

    node = forms.ChoiceField(label=_("For this part and everything below it"))
    metric = forms.ChoiceField(label=_("What"), choices=Metric.choices)
    amount = LimitAmountField(
        label=_("The limit becomes"), help_text=_("In all, so with what is in use already.")
    )
    end_date = forms.DateField(
        label=_("Needed up to and including"),
        help_text=_(
            "Day-month-year, for example 31-12-2026. After that the limit is what it was. Leave "
            "it empty if you need it for good."
        ),
        required=False,
        input_formats=DATE_FORMATS,
        widget=forms.DateInput(format=DATE_FORMATS[0], attrs={"autocomplete": "off"}),
    )
    reason = forms.CharField(
        label=_("Reason"),
        help_text=_("What do you need it for? The quota administrator reads this."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(
        self,
        data: Any = None,
        *,
        parts: Iterable[tuple[list[str], Node]],
        cart: Cart | None = None,
        **options: Any,
    ) -> None:
        super().__init__(data, **options)
        paths = [(str(node.public_id), path, node) for path, node in parts]
        self._nodes = {key: node for key, _path, node in paths}
        self._cart = cart
        choice = self.fields["node"]
        choice.choices = [(key, " / ".join(path)) for key, path, _node in paths]  # type: ignore[attr-defined]  # a choice field
        self.fields["reason"].widget.attrs["maxlength"] = LIMIT_REASON_LENGTH

    @property
    def has_parts(self) -> bool:
        return bool(self._nodes)

    def clean_node(self) -> Node:
        return self._nodes[self.cleaned_data["node"]]

    def asked(self) -> Asked:
        """What was filled in; of a valid form."""
        return Asked(
            node=self.cleaned_data["node"],
            metric=Metric(self.cleaned_data["metric"]),
            amount=self.cleaned_data["amount"],
            end_date=self.cleaned_data["end_date"],
            reason=self.cleaned_data["reason"],
            cart=self._cart,
        )


class QuotaDecisionForm(RefusableForm):
    """Why a request is refused."""

    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        help_text=_("Only needed when you refuse. The requester reads this."),
        widget=forms.Textarea(attrs={"rows": 2, "maxlength": DECISION_LENGTH}),
    )
