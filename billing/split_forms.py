"""What the pages about keys ask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.forms import BoundField
from django.utils.translation import gettext_lazy as _

from billing.forms import month_key, name_of_month
from billing.models import SplitMethod
from billing.models.statement import REASON_LENGTH
from billing.services.split_keys import MOST_RECIPIENTS, KeySays
from billing.services.tariff_drafts import months_to_begin
from portal.core.amounts import read_amount
from portal.core.errors import DomainError, InvalidInput
from portal.core.forms import RefusableForm
from portal.identity.models import Node, Project
from portal.identity.models.proposed import DECISION_LENGTH

ROWS: Final = 8


class PercentageField(forms.CharField):
    """Per cent with at most three decimals, as people type them; None when empty."""

    def __init__(self, **options: Any) -> None:
        widget = forms.TextInput(
            attrs={"inputmode": "decimal", "autocomplete": "off", "class": "cl-input-short"}
        )
        super().__init__(required=False, max_length=12, widget=widget, **options)

    def clean(self, value: Any) -> Decimal | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            return read_amount(text, places=3)
        except ValueError as error:
            raise ValidationError(str(error), code="invalid") from error


class SplitKeyForm(RefusableForm):
    """Whose costs are shared, by what, from when, and who bears them: a row for each."""

    source = forms.ChoiceField(label=_("Project whose costs are shared"))
    method = forms.ChoiceField(label=_("Split"), choices=SplitMethod.choices)
    valid_from = forms.ChoiceField(label=_("Holds from"))
    valid_until = forms.ChoiceField(label=_("Holds until"), required=False)
    reason = forms.CharField(
        label=_("Why are these costs shared?"),
        max_length=REASON_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(
        self, data: Any = None, *, projects: Iterable[Node], rows: int, at: datetime, **options: Any
    ) -> None:
        super().__init__(data, **options)
        self._projects = {str(project.public_id): project for project in projects}
        self.row_count = min(max(rows, ROWS), MOST_RECIPIENTS)
        self._months = {month_key(month): month for month in months_to_begin(at)}
        named = [(key, _name_of(project)) for key, project in self._projects.items()]
        months = [(key, name_of_month(month)) for key, month in self._months.items()]
        self._choose("source", [("", _("Choose a project")), *named])
        self._choose("valid_from", months)
        self._choose("valid_until", [("", _("For good")), *months[1:]])
        for number in range(self.row_count):
            self.fields[f"project_{number}"] = forms.ChoiceField(
                label=_("Project {number} that bears a part").format(number=number + 1),
                choices=[("", _("Nobody")), *named],
                required=False,
            )
            self.fields[f"percentage_{number}"] = PercentageField(
                label=_("Percentage of project {number}").format(number=number + 1)
            )

    def _choose(self, name: str, choices: Sequence[tuple[str, Any]]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]  # a choice field

    def rows(self) -> Iterator[tuple[BoundField, BoundField]]:
        """The questions about who bears a part."""
        for number in range(self.row_count):
            yield self[f"project_{number}"], self[f"percentage_{number}"]

    def says(self) -> KeySays:
        """What was filled in, of a form that is right.

        Raises:
            InvalidInput: a project stands there twice, or a percentage beside none.
        """
        until = self._months.get(self.cleaned_data["valid_until"])
        return KeySays(
            source=self._project(self.cleaned_data["source"]),
            method=SplitMethod(self.cleaned_data["method"]),
            recipients=self._recipients(),
            valid_from=self._months[self.cleaned_data["valid_from"]].start,
            valid_until=until.start if until else None,
            reason=self.cleaned_data["reason"],
        )

    def _recipients(self) -> dict[Project, Decimal | None]:
        recipients: dict[Project, Decimal | None] = {}
        for number in range(self.row_count):
            key = self.cleaned_data[f"project_{number}"]
            percentage = self.cleaned_data[f"percentage_{number}"]
            if not key:
                if percentage is not None:
                    raise InvalidInput({f"project_{number}": [str(_("Choose a project."))]})
                continue
            project = self._project(key)
            if project in recipients:
                raise InvalidInput(
                    {f"project_{number}": [str(_("This project is there already."))]}
                )
            recipients[project] = percentage
        return recipients

    def _project(self, key: str) -> Project:
        return Project.objects.get(pk=self._projects[key].pk)

    def show(self, refusal: DomainError) -> None:
        """What is wrong with all who bear a part stands at the first of them."""
        if isinstance(refusal, InvalidInput) and "recipients" in refusal.errors:
            others = {name: said for name, said in refusal.errors.items() if name != "recipients"}
            refusal = InvalidInput({**others, "project_0": refusal.errors["recipients"]})
        super().show(refusal)


class SplitDecisionForm(RefusableForm):
    reason = forms.CharField(
        label=_("Reason"),
        help_text=_("Needed when you refuse."),
        max_length=DECISION_LENGTH,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class EndingForm(RefusableForm):
    """From when on a key shall no longer hold."""

    valid_from = forms.ChoiceField(label=_("The first month in which it no longer holds"))
    reason = forms.CharField(
        label=_("Why does it end?"),
        max_length=REASON_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, data: Any = None, *, at: datetime, **options: Any) -> None:
        super().__init__(data, **options)
        self._months = {month_key(month): month for month in months_to_begin(at)}
        self.fields["valid_from"].choices = [  # type: ignore[attr-defined]  # a choice field
            (key, name_of_month(month)) for key, month in self._months.items()
        ]

    def moment(self) -> datetime:
        """The beginning of that month, of a form that is right."""
        return self._months[self.cleaned_data["valid_from"]].start


def _name_of(project: Node) -> str:
    return f"{project.name} ({project.parent.name})" if project.parent else project.name
