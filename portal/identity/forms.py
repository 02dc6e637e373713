"""What the pages of the tree ask. Forms know the shape of answers; the services judge them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from django import forms
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _

from portal.core.formats import DATE_FORMATS
from portal.core.forms import RefusableForm
from portal.identity.facts import FactKind
from portal.identity.models import NUMBERS, Node, NodeKind, Person, VatTreatment
from portal.identity.numbers import KVK_LENGTH, OIN_LENGTH, RSIN_LENGTH
from portal.identity.services.facts import COST_CENTRE_LENGTH, COST_CENTRE_NAME_LENGTH
from portal.identity.services.tree import (
    CODE_LENGTH,
    DESCRIPTION_LENGTH,
    NAME_LENGTH,
)


def _text(label: Any, length: int, *, required: bool = True, **options: Any) -> forms.CharField:
    """A line of text. ``length`` only stops typing; what is too long, the service refuses."""
    attributes = {"maxlength": length, "autocomplete": "off", "spellcheck": "false"}
    return forms.CharField(
        label=label,
        required=required,
        widget=forms.TextInput(attrs=attributes),
        **options,
    )


class OrganizationForm(RefusableForm):
    name = _text(_("Name"), NAME_LENGTH)
    code = _text(
        _("Code"),
        CODE_LENGTH,
        help_text=_("The identity provider's roles name this code. For example: waterbeheer."),
    )
    oin = _text("OIN", OIN_LENGTH, required=False, help_text=_("20 digits."))
    kvk_number = _text(_("KvK number"), KVK_LENGTH, required=False, help_text=_("8 digits."))
    rsin = _text("RSIN", RSIN_LENGTH, required=False, help_text=_("9 digits."))

    def leave_out_numbers(self) -> None:
        """For somebody who may not change who logs in as whom."""
        for name in NUMBERS:
            del self.fields[name]


class ProjectForm(RefusableForm):
    name = _text(_("Name"), NAME_LENGTH)
    code = _text(
        _("Code"),
        CODE_LENGTH,
        help_text=_("The identity provider's roles name this code. For example: zaaksysteem."),
    )
    description = _text(_("Description"), DESCRIPTION_LENGTH, required=False)


class FactForm(RefusableForm):
    """What begins to hold on a day."""

    starts_on = forms.DateField(
        label=_("From"),
        help_text=_("Day-month-year. Today means: from this moment on."),
        initial=localdate,
        input_formats=DATE_FORMATS,
        widget=forms.DateInput(format=DATE_FORMATS[0], attrs={"autocomplete": "off"}),
    )


class CostCentreForm(FactForm):
    code = _text(_("Number of the cost centre"), COST_CENTRE_LENGTH)
    name = _text(_("Name of the cost centre"), COST_CENTRE_NAME_LENGTH)
    field_order = ("code", "name", "starts_on")


class VatTreatmentForm(FactForm):
    treatment = forms.ChoiceField(label=_("VAT treatment"), choices=VatTreatment.choices)
    field_order = ("treatment", "starts_on")


class OwnerForm(FactForm):
    owner = forms.TypedChoiceField(
        label=_("Who"),
        help_text=_("Everybody who has a role here."),
        coerce=UUID,
    )
    field_order = ("owner", "starts_on")

    def offer(self, people: Iterable[Person]) -> None:
        """Let one of these be chosen."""
        self.fields["owner"].choices = [  # type: ignore[attr-defined]  # it is a ChoiceField
            ("", _("Choose a person")),
            *((str(person.public_id), person.name) for person in people),
        ]


FACT_FORMS: Final[dict[FactKind, type[FactForm]]] = {
    FactKind.COST_CENTRE: CostCentreForm,
    FactKind.VAT_TREATMENT: VatTreatmentForm,
    FactKind.DATA_OWNER: OwnerForm,
    FactKind.PROJECT_OWNER: OwnerForm,
}


def node_form(node: Node) -> type[OrganizationForm | ProjectForm]:
    """The form with what can be changed of a node."""
    return OrganizationForm if node.kind == NodeKind.ORGANIZATION else ProjectForm


def answers_of(node: Node) -> dict[str, Any]:
    """What the form of this node shows at first."""
    if node.kind == NodeKind.ORGANIZATION:
        return {name: getattr(node.organization, name) for name in ("name", "code", *NUMBERS)}
    project = node.project
    return {name: getattr(project, name) for name in ("name", "code", "description")}
