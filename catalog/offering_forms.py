"""What the pages ask of who makes the catalogue. The services and the kinds judge the answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.db.models import Q, QuerySet
from django.forms.boundfield import BoundField
from django.utils.translation import gettext_lazy as _

from catalog.kinds import get_kind, orderable_kinds
from catalog.kinds.choices import BOUNDS, Bounds, ChoiceField, Ticks, Written
from catalog.kinds.fees import decided_by_offering
from catalog.models import OfferingVersion
from catalog.models.offering import REASON_LENGTH
from catalog.services.offerings import (
    LENGTHS,
    LINKS,
    MAY_BE_LEFT_OUT,
    TERM_BOUNDS,
    DraftContent,
)
from portal.cloud.models import Cloud
from portal.core.choices import ChoiceCard
from portal.core.errors import DomainError, InvalidInput
from portal.core.formats import quantity
from portal.core.forms import RefusableForm
from portal.identity.models import Organization

_BOUND_LABELS: Final = {
    "minimum": _("at least"),
    "maximum": _("at most"),
    "default": _("usually"),
}
_TERM_UNITS: Final = {
    "approval_days": _("days"),
    "compensate_after_hours": _("hours"),
    "maximum_term_days": _("days"),
    "grace_days": _("days"),
}


class _Texts(RefusableForm):
    """What people read in the catalogue, in both languages."""

    name_nl = forms.CharField(label=_("Name in Dutch"))
    name_en = forms.CharField(label=_("Name in English"))
    description_nl = forms.CharField(
        label=_("Description in Dutch"), widget=forms.Textarea(attrs={"rows": 2})
    )
    description_en = forms.CharField(
        label=_("Description in English"), widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(self, data: Any = None, **options: Any) -> None:
        super().__init__(data, **options)
        for name, length in LENGTHS.items():
            language = name.rpartition("_")[2]
            self.fields[name].widget.attrs |= {"maxlength": length, "lang": language}

    def texts(self) -> dict[str, str]:
        """The texts of a valid form."""
        return {name: self.cleaned_data[name] for name in LENGTHS}


class NewOfferingForm(_Texts):
    """Something new in the catalogue."""

    kind = forms.ChoiceField(label=_("Kind"), help_text=_("This cannot change later."))
    cloud = forms.ModelChoiceField(
        label=_("Stands in"),
        queryset=Cloud.objects.order_by("name"),
        empty_label=None,
        help_text=_("You choose from what this cloud has."),
    )
    code = forms.CharField(
        label=_("Code"),
        help_text=_("Stands in addresses: a to z, 0 to 9 and hyphens. This cannot change later."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    field_order = ("kind", "cloud", *LENGTHS, "code")

    def __init__(self, data: Any = None, **options: Any) -> None:
        super().__init__(data, **options)
        kind: Any = self.fields["kind"]
        kind.choices = [(known.key, known.label) for known in orderable_kinds()]
        self.fields["code"].widget.attrs["maxlength"] = 40


class DraftForm(_Texts):
    """Everything that a draft decides; what its kind asks stands in between."""

    documentation_url = forms.CharField(
        label=_("Documentation"),
        required=False,
        help_text=_("An address that begins with https://. People open it from the catalogue."),
    )
    price_list_url = forms.CharField(
        label=_("Price list"),
        required=False,
        help_text=_("An address that begins with https://."),
    )
    visible_to = forms.MultipleChoiceField(
        label=_("Only for"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_(
            "With everything below it. Tick none, and it is for everybody. For others it does not "
            "exist."
        ),
    )
    approval_days = forms.IntegerField(label=_("Time to decide on an order"))
    compensate_after_hours = forms.IntegerField(label=_("Undo a failed delivery after"))
    maximum_term_days = forms.IntegerField(label=_("Longest term"), required=False)
    grace_days = forms.IntegerField(label=_("Clean up after the end date"))

    def __init__(self, data: Any = None, *, version: OfferingVersion, **options: Any) -> None:
        super().__init__(data, initial=_initial(version), **options)
        self._choices = decided_by_offering(get_kind(version.offering.kind), version.cloud)
        self._organizations = {str(one.public_id): one for one in _organizations(version)}
        organizations: Any = self.fields["visible_to"]
        organizations.choices = [
            (public_id, ChoiceCard(one.name, _where(one)))
            for public_id, one in self._organizations.items()
        ]
        for name in LINKS:
            self.fields[name].widget.attrs |= {"inputmode": "url", "autocomplete": "off"}
        for name, (lowest, highest) in TERM_BOUNDS.items():
            item = self.fields[name]
            item.widget = forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"})
            item.help_text = _between(lowest, highest, str(_TERM_UNITS[name]))
        self.fields[MAY_BE_LEFT_OUT].help_text += " " + _(
            "Then everybody gives an end date. Leave it out, and nobody has to."
        )
        for choice in self._choices:
            for name, item in _fields_of(choice, version.choices.get(choice.name)):
                self.fields[name] = item
        for item in self.fields.values():
            if isinstance(item, forms.IntegerField):
                item.error_messages["invalid"] = _("Fill in a whole number.")

    def text_questions(self) -> list[BoundField]:
        """What people read."""
        return [self[name] for name in (*LENGTHS, *LINKS)]

    def choice_questions(self) -> list[list[BoundField]]:
        """What the kind asks; numbers that belong together beside each other."""
        return [[self[name] for name in _names_of(choice)] for choice in self._choices]

    def term_questions(self) -> list[BoundField]:
        """How long things may take."""
        return [self[name] for name in TERM_BOUNDS]

    def content(self) -> DraftContent:
        """What a valid form says."""
        answers = self.cleaned_data
        return DraftContent(
            **{name: answers[name] for name in (*LENGTHS, *LINKS, *TERM_BOUNDS)},
            visible_to=[self._organizations[public_id] for public_id in answers["visible_to"]],
            choices={choice.name: _read(choice, answers) for choice in self._choices},
        )

    def show(self, refusal: DomainError) -> None:
        """What is said of a choice stands at the first of its fields."""
        if isinstance(refusal, InvalidInput):
            first = {choice.name: _names_of(choice)[0] for choice in self._choices}
            errors = {first.get(name, name): texts for name, texts in refusal.errors.items()}
            refusal = InvalidInput(errors)
        super().show(refusal)


class RefusalForm(RefusableForm):
    """Why a draft is not published."""

    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        help_text=_("Only needed when you refuse."),
        widget=forms.Textarea(attrs={"rows": 2, "maxlength": REASON_LENGTH}),
    )


def _organizations(version: OfferingVersion) -> QuerySet[Organization]:
    """Those at the two highest levels, and whatever was chosen: by a program, or before its end."""
    chosen = version.visible_to.values("pk")
    shown = Q(ancestor_ids__len__lte=1, ended_at=None) | Q(pk__in=chosen)
    return Organization.objects.filter(shown).select_related("parent").order_by("name")


def _where(organization: Organization) -> str:
    if organization.ended_at:
        return str(_("Ended"))
    return organization.parent.name if organization.parent else ""


def _names_of(choice: ChoiceField) -> list[str]:
    """Names of the form's fields for one choice; they cannot be those of other questions."""
    if isinstance(choice, Bounds):
        return [f"choice-{choice.name}-{bound}" for bound in BOUNDS]
    return [f"choice-{choice.name}"]


def _fields_of(choice: ChoiceField, value: Any) -> list[tuple[str, forms.Field]]:
    """The form's fields for one choice, showing what was chosen."""
    names = _names_of(choice)
    if isinstance(choice, Bounds):
        chosen = value or choice.begin()
        hint = _between(choice.lowest, choice.highest, choice.unit)
        labels = [f"{choice.label}, {_BOUND_LABELS[bound]}" for bound in BOUNDS]
        attributes = {"inputmode": "numeric", "autocomplete": "off"}
        return [
            (
                name,
                forms.IntegerField(
                    label=label,
                    help_text=hint if bound == BOUNDS[0] else "",
                    initial=chosen.get(bound),
                    widget=forms.TextInput(attrs=attributes),
                ),
            )
            for name, label, bound in zip(names, labels, BOUNDS, strict=True)
        ]
    item: forms.Field
    if isinstance(choice, Ticks):
        item = forms.MultipleChoiceField(
            choices=_cards(choice, value or []),
            initial=value,
            required=choice.least > 0,
            widget=forms.CheckboxSelectMultiple,
        )
    else:
        rows = choice.rows if isinstance(choice, Written) else 4
        attributes = {"rows": str(rows), "spellcheck": "false"}
        written = choice.write(value) if isinstance(choice, Written) and value else ""
        is_needed = not choice.is_left_out(choice.begin())
        text = forms.Textarea(attrs=attributes)
        item = forms.CharField(initial=written, required=is_needed, widget=text)
    item.label, item.help_text = str(choice.label), str(choice.hint)
    return [(names[0], item)]


def _cards(choice: Ticks, chosen: Sequence[str]) -> list[tuple[str, ChoiceCard]]:
    """What the cloud has, and what was chosen and it has no more."""
    known = [(option.value, ChoiceCard(option.label, option.hint)) for option in choice.options]
    gone = [name for name in chosen if name not in {value for value, _card in known}]
    return known + [(name, ChoiceCard(name, _("No longer in the cloud"))) for name in gone]


def _read(choice: ChoiceField, answers: dict[str, Any]) -> Any:
    names = _names_of(choice)
    if isinstance(choice, Bounds):
        return {bound: answers[name] for bound, name in zip(BOUNDS, names, strict=True)}
    value = answers[names[0]]
    return choice.read(value) if isinstance(choice, Written) else value


def _between(lowest: int, highest: int, unit: str) -> str:
    text = _("From {minimum} to {maximum}.")
    return str(text).format(minimum=quantity(lowest), maximum=quantity(highest, unit))


def _initial(version: OfferingVersion) -> dict[str, Any]:
    names = (*LENGTHS, *LINKS, *TERM_BOUNDS)
    chosen = version.visible_to.values_list("public_id", flat=True)
    return {
        **{name: getattr(version, name) for name in names},
        "visible_to": [str(public_id) for public_id in chosen],
    }
