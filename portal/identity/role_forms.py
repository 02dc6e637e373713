"""What the pages of roles and people ask. The services judge the answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from django import forms
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from portal.core.calendar import day_of
from portal.core.choices import ChoiceCard
from portal.core.formats import DATE_FORMATS
from portal.core.forms import EuroField, RefusableForm
from portal.identity.models import REASON_LENGTH, Node, Person, Role
from portal.identity.services.proposals import WantedRole

USUAL_TERM: Final = timedelta(days=365)
USUAL_ABSENCE: Final = timedelta(days=14)


def _day(label: Any, hint: Any = "") -> forms.DateField:
    return forms.DateField(
        label=label,
        help_text=hint,
        input_formats=DATE_FORMATS,
        widget=forms.DateInput(format=DATE_FORMATS[0], attrs={"autocomplete": "off"}),
    )


def _reason(label: Any, hint: Any = "") -> forms.CharField:
    attributes = {"rows": 2, "maxlength": REASON_LENGTH}
    return forms.CharField(label=label, help_text=hint, widget=forms.Textarea(attrs=attributes))


def _people(label: Any) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, widget=forms.RadioSelect)


class PeopleChoice:
    """The people to choose from, by public id."""

    def __init__(self, people: Iterable[Person]) -> None:
        self.by_id: Mapping[str, Person] = {str(person.public_id): person for person in people}

    def cards(self) -> list[tuple[str, ChoiceCard]]:
        return [
            (public_id, ChoiceCard(person.name, person.email))
            for public_id, person in self.by_id.items()
        ]


class ProposalForm(RefusableForm):
    """A role on a node for one of these people."""

    person = _people(_("For whom"))
    role = forms.ChoiceField(label=_("Role"))
    amount_limit = EuroField(
        label=_("Highest amount in the first month"),
        help_text=_(
            "Only for an approver: what an order costs per month and once, together. Leave it "
            "empty for no limit."
        ),
        required=False,
    )
    first_day = _day(_("First day"), _("Day-month-year, for example 31-12-2026."))
    last_day = _day(_("Last day"), _("At most two years later."))
    reason = _reason(_("Reason"), _("Who decides reads this, and so does whoever checks later."))

    def __init__(self, data: Any = None, *, people: Iterable[Person], **options: Any) -> None:
        super().__init__(data, **options)
        self.people = PeopleChoice(people)
        choice, role = self.fields["person"], self.fields["role"]
        choice.choices = self.people.cards()  # type: ignore[attr-defined]  # a ChoiceField
        choice.error_messages["required"] = _("Choose somebody.")
        role.choices = [("", _("Choose a role")), *Role.choices]  # type: ignore[attr-defined]  # a ChoiceField
        self.fields["amount_limit"].error_messages["invalid"] = _("Fill in an amount.")
        today = day_of(now())
        self.fields["first_day"].initial = today
        self.fields["last_day"].initial = today + USUAL_TERM

    def wanted(self, node: Node) -> WantedRole:
        """What a valid form asks for."""
        answers = self.cleaned_data
        return WantedRole(
            person=self.people.by_id[answers["person"]],
            node=node,
            role=Role(answers["role"]),
            amount_limit=answers["amount_limit"],
            first_day=answers["first_day"],
            last_day=answers["last_day"],
            reason=answers["reason"],
        )


class DeputyForm(RefusableForm):
    """Who decides in somebody's place, and when."""

    deputy = _people(_("Deputy"))
    first_day = _day(_("First day"), _("Day-month-year, for example 31-12-2026."))
    last_day = _day(_("Last day"), _("At most a year later."))

    def __init__(self, data: Any = None, *, people: Iterable[Person], **options: Any) -> None:
        super().__init__(data, **options)
        self.people = PeopleChoice(people)
        choice = self.fields["deputy"]
        choice.choices = self.people.cards()  # type: ignore[attr-defined]  # a ChoiceField
        choice.error_messages["required"] = _("Choose somebody.")
        today = day_of(now())
        self.fields["first_day"].initial = today
        self.fields["last_day"].initial = today + USUAL_ABSENCE

    def chosen(self) -> dict[str, Any]:
        """Deputy, first and last day of a valid form, as the services take them."""
        answers = self.cleaned_data
        return {**answers, "deputy": self.people.by_id[answers["deputy"]]}


class DeputyProposalForm(DeputyForm):
    """A deputy for somebody else, about which another person decides."""

    reason = _reason(_("Reason"), _("Who decides reads this, and so does whoever checks later."))


class LinkForm(RefusableForm):
    """Whose login is one of the person whom the page is about."""

    holder = _people(_("Whose login"))
    reason = _reason(
        _("Reason"),
        _(
            "How do you know that they are one person? Who decides reads this, and so does whoever "
            "checks later."
        ),
    )

    def __init__(self, data: Any = None, *, people: Iterable[Person], **options: Any) -> None:
        super().__init__(data, **options)
        self.people = PeopleChoice(people)
        choice = self.fields["holder"]
        choice.choices = self.people.cards()  # type: ignore[attr-defined]  # a ChoiceField
        choice.error_messages["required"] = _("Choose somebody.")

    def chosen(self) -> dict[str, Any]:
        """Holder and reason of a valid form, as the service takes them."""
        answers = self.cleaned_data
        return {**answers, "holder": self.people.by_id[answers["holder"]]}


class ReasonForm(RefusableForm):
    """Why something that binds somebody else happens."""

    reason = _reason(_("Reason"))
