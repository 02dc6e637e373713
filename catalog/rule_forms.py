"""What is asked about an approval rule."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from catalog.kinds import orderable_kinds
from catalog.models import RULE_NAME_LENGTH, ApprovalRuleVersion, OfferingVersion
from catalog.services.approval_rules import LARGEST_AMOUNT, MOST_PEOPLE, RuleSays
from portal.core.forms import EuroField, RefusableForm
from portal.identity.models import Node
from portal.identity.models.proposed import DECISION_LENGTH

COUNTS = [(number, str(number)) for number in range(MOST_PEOPLE + 1)]


class RuleForm(RefusableForm):
    """What a rule says: about which orders it is, and who approves those."""

    amount_from = EuroField(
        label=_("For orders from"),
        help_text=_(
            "Euros in the first month: what a month costs and what is paid once, together with "
            "the rest of a minimum term. 0 is every order."
        ),
        min_value=0,
        max_value=LARGEST_AMOUNT,
        initial=0,
    )
    kinds = forms.MultipleChoiceField(
        label=_("With one of these"),
        help_text=_("Choose nothing for everything that can be ordered."),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    offering = forms.TypedChoiceField(
        label=_("With this offering alone"),
        help_text=_("In whichever version, also as a part of something."),
        required=False,
        coerce=UUID,
        empty_value=None,
    )
    protection_level = forms.TypedChoiceField(
        label=_("For data with this interest to protect, or a higher one"),
        required=False,
        coerce=int,
        empty_value=None,
        choices=[
            ("", _("Any")),
            *[(level, f"TBB {level}") for level in (1, 2, 3, 4)],
        ],
    )
    personal_data = forms.BooleanField(label=_("With personal data alone"), required=False)
    automatic_below = EuroField(
        label=_("Approved by itself below"),
        help_text=_(
            "Euros in the first month, for all that one person orders in a day. Leave it empty if "
            "somebody must always look."
        ),
        required=False,
        max_value=LARGEST_AMOUNT,
    )
    people_of_project = forms.TypedChoiceField(
        label=_("Approvers of the project"), coerce=int, choices=COUNTS, initial=1
    )
    people_of_node = forms.TypedChoiceField(
        label=_("After that, approvers of the part that the rule is for"),
        coerce=int,
        choices=COUNTS,
        initial=0,
    )

    def __init__(
        self, data: Any = None, *, offerings: Iterable[OfferingVersion], **options: Any
    ) -> None:
        super().__init__(data, **options)
        names = [(str(version.offering.public_id), version.name) for version in offerings]
        self.fields["offering"].choices = [("", _("Any")), *names]  # type: ignore[attr-defined]  # a choice field
        kinds = self.fields["kinds"]
        kinds.choices = [(kind.key, kind.label) for kind in orderable_kinds()]  # type: ignore[attr-defined]  # a choice field

    def says(self) -> RuleSays:
        """What was filled in; of a valid form."""
        names = RuleSays.__dataclass_fields__.keys() & self.cleaned_data.keys()
        says = {name: self.cleaned_data[name] for name in names}
        return RuleSays(**{**says, "kinds": tuple(says["kinds"])})


class NewRuleForm(RuleForm):
    """The same of a rule that is not there yet."""

    node = forms.ChoiceField(label=_("For this part and everything below it"))
    name = forms.CharField(
        label=_("Name"), help_text=_("People read this with their order."), required=False
    )
    field_order = ("node", "name")

    def __init__(self, data: Any = None, *, nodes: list[Node], **options: Any) -> None:
        super().__init__(data, **options)
        self._nodes = {str(node.public_id): node for node in nodes}
        choice = self.fields["node"]
        choice.choices = [(key, node.name) for key, node in self._nodes.items()]  # type: ignore[attr-defined]  # a choice field
        self.fields["name"].widget.attrs["maxlength"] = RULE_NAME_LENGTH

    def clean_node(self) -> Node:
        return self._nodes[self.cleaned_data["node"]]


class RuleDecisionForm(RefusableForm):
    """Why a proposal is refused."""

    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        help_text=_("Only needed when you refuse."),
        widget=forms.Textarea(attrs={"rows": 2, "maxlength": DECISION_LENGTH}),
    )


def answers_of(version: ApprovalRuleVersion) -> dict[str, Any]:
    """What a form about the next version begins with."""
    names = RuleSays.__dataclass_fields__.keys() - {"ends_rule", "offering"}
    answers = {name: getattr(version, name) for name in names}
    return {**answers, "offering": str(version.offering.public_id) if version.offering else ""}
