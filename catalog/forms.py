"""The order form: generic questions, and those that a kind declares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any, Final
from uuid import uuid4

from django import forms
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.services.order_tags import TagQuestion, clean_tags, tag_questions
from catalog.drafts import Draft, TermField, read_draft
from catalog.kinds import get_kind
from catalog.kinds.parameters import Option, Parameter, Widget
from catalog.models import OfferingVersion
from catalog.order_tag_fields import TAG_FIELD, field_of, tag_field
from catalog.services.comments import clean_comment
from catalog.services.offers import Choice, OptionEffect
from catalog.services.order_lines import check_end_date, check_name, last_end_date
from catalog.services.orders import clean_purpose
from catalog.services.sources import offered_in
from portal.core.choices import ChoiceCard
from portal.core.errors import InvalidInput
from portal.core.formats import day, quantity
from portal.identity.models import Project

WIDE: Final = frozenset({Widget.CARDS, Widget.TEXTAREA})
Effects = Mapping[Choice, OptionEffect]


class ParameterField(forms.Field):
    """One question of a kind. The parameter itself judges the answer, as it does for the API."""

    def __init__(self, parameter: Parameter) -> None:
        self.parameter = parameter
        super().__init__(
            label=str(parameter.label),
            help_text=_hint(parameter),
            error_messages={"required": _("Fill this in.")},
            required=parameter.required,
            initial=_initial(parameter),
            widget=_widget(parameter),
        )

    @property
    def unit(self) -> str:
        return self.parameter.unit

    @property
    def has_cards(self) -> bool:
        return self.parameter.widget is Widget.CARDS

    def clean(self, value: Any) -> str | int | None:
        try:
            return self.parameter.clean(value)
        except ValueError as error:
            raise ValidationError(str(error)) from error

    def draw_cards(self, effects: Effects) -> None:
        """Put price and refusal on the cards, and choose the first that fits if need be.

        What does not fit in a quota can be chosen: then more of that can be asked for.
        """
        cards = [(option.value, self._card(option, effects)) for option in self.parameter.options]
        self.widget.choices = cards
        possible = [value for value, card in cards if not card.refusal]
        fitting = [value for value, card in cards if not card.refusal and not card.warning]
        if self.initial not in fitting:
            self.initial = next(iter([*fitting, *possible]), None)

    def _card(self, option: Option, effects: Effects) -> ChoiceCard:
        effect = effects.get((self.parameter.name, option.value))
        return ChoiceCard(
            title=option.label,
            description=option.hint,
            monthly_price=effect.monthly if effect and option.meters else None,
            refusal=_refusal(effect) if effect else "",
            warning=_shortage(effect) if effect else "",
        )


def _refusal(effect: OptionEffect) -> str:
    return gettext("This has no price at this moment") if effect.monthly is None else ""


def _shortage(effect: OptionEffect) -> str:
    if effect.shortage is None or effect.monthly is None:
        return ""
    return gettext("Does not fit in the quota of {node} ({metric})").format(
        node=effect.shortage.node.name, metric=effect.shortage.metric.label.lower()
    )


def _hint(parameter: Parameter) -> str:
    """The hint, and the bounds of a number; or that there is nothing to choose from."""
    if parameter.asks_for_own and not parameter.options:
        return gettext("Nothing runs in this project that can be chosen here.")
    if parameter.widget is not Widget.NUMBER:
        return str(parameter.hint)
    bounds = gettext("From {minimum} to {maximum}.").format(
        minimum=quantity(parameter.minimum), maximum=quantity(parameter.maximum, parameter.unit)
    )
    return f"{bounds} {parameter.hint}".strip()


def _initial(parameter: Parameter) -> str | int | None:
    """The default; a list from which one must be chosen begins with its first."""
    if parameter.default is None and parameter.widget is Widget.SELECT and parameter.required:
        return next((option.value for option in parameter.options), None)
    return parameter.default


def _widget(parameter: Parameter) -> forms.Widget:
    if parameter.widget is Widget.CARDS:
        return forms.RadioSelect(choices=[(item.value, item.label) for item in parameter.options])
    if parameter.widget is Widget.SELECT:
        options = [(option.value, _label(option)) for option in parameter.options]
        if not parameter.required:
            options.insert(0, ("", gettext("No choice")))
        return forms.Select(choices=options)
    attributes: dict[str, Any] = {"autocomplete": "off", "spellcheck": "false"}
    if parameter.widget is Widget.NUMBER:
        return forms.TextInput(attrs={**attributes, "inputmode": "numeric"})
    if parameter.widget is Widget.TEXTAREA:
        return forms.Textarea(attrs={**attributes, "rows": 3})
    return forms.TextInput(attrs=attributes)


def _label(option: Option) -> str:
    return f"{option.label} ({option.hint})" if option.hint else str(option.label)


@dataclass(frozen=True)
class Block:
    """Neighbours: one question over the whole width, or questions beside each other."""

    questions: list[BoundField]
    is_wide: bool


@dataclass(frozen=True)
class Section:
    """Questions under one heading, in order."""

    title: str
    blocks: list[Block]

    @property
    def has_cards(self) -> bool:
        """True when a price may stand in it."""
        return any(_has_cards(bound) for block in self.blocks for bound in block.questions)


def _is_wide(parameter: Parameter) -> bool:
    """Over the whole width; a question that another project draws anew stands alone too."""
    return parameter.widget in WIDE or bool(parameter.of_kinds)


def _has_cards(bound: BoundField) -> bool:
    return isinstance(bound.field, ParameterField) and bound.field.has_cards


class OrderForm(forms.Form):
    """Everything that is asked to order one thing in one of ``projects``."""

    use_required_attribute = False  # the answer to a missing field is ours, in our own words

    idempotency_key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)
    project = forms.ChoiceField(label=_("Project"))
    name = forms.CharField(
        label=_("Name"),
        strip=False,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    purpose = forms.CharField(
        label=_("Purpose"),
        help_text=_(
            "What do you use it for? One sentence is enough. The budget holder reads this."
        ),
    )

    def __init__(
        self,
        data: Any = None,
        *,
        version: OfferingVersion,
        projects: Sequence[Project],
        **options: Any,
    ) -> None:
        super().__init__(data, **options)
        self._version = version
        self.kind = get_kind(version.offering.kind)
        self._projects = {str(project.public_id): project for project in projects}
        self.parameters = self.kind.parameters(version)
        self._tag_questions: list[TagQuestion] = []
        project = self.fields["project"]
        project.choices = _by_organization(projects)  # type: ignore[attr-defined]  # a ChoiceField
        project.initial = next(iter(self._projects))
        self.fields["name"].help_text = str(self.kind.name_hint)
        for parameter in self.parameters:
            self.fields[parameter.name] = ParameterField(parameter)
        self.fields["end_date"] = TermField(version)
        self.fields["end_date"].help_text = self._say_the_term()
        self._say_what_is_missing()

    def _say_the_term(self) -> str:
        example = gettext("Day-month-year, for example 31-12-2026.")
        then = self.kind.after_the_term(self._version.grace_days)
        if self._version.maximum_term_days is None:
            return f"{example} {then}"
        last = gettext("Not later than {day}.").format(day=day(last_end_date(self._version)))
        return f"{example} {last} {then}"

    def _say_what_is_missing(self) -> None:
        for item in self.fields.values():
            item.error_messages["required"] = _("Fill this in.")
        self.fields["project"].error_messages["invalid_choice"] = _("Choose one of your projects.")
        incomplete = _("The page was not complete. Nothing was sent. Send it again.")
        self.fields["idempotency_key"].error_messages.update(
            required=incomplete, invalid=incomplete
        )

    def chosen_project(self) -> Project | None:
        """The project as it stands in the form, sent or not; None when it is not one of them."""
        return self._projects.get(str(self["project"].value()))

    def offer_own(self) -> None:
        """Let what runs in the chosen project be chosen, where a question asks for that.

        Do this before anything reads what is chosen.
        """
        self.offer_tags()
        project = self.chosen_project()
        if project is None:
            return
        self.parameters = offered_in(self.parameters, project, self._version.cloud)
        for parameter in self.parameters:
            if parameter.of_kinds:
                self.fields[parameter.name] = ParameterField(parameter)

    def offer_tags(self) -> None:
        """Ask for the tags that are required in the chosen project."""
        project = self.chosen_project()
        self._tag_questions = tag_questions(project) if project else []
        for question in self._tag_questions:
            if question.is_required:
                self.fields[TAG_FIELD + question.key] = tag_field(question)

    def tag_fields(self) -> list[BoundField]:
        """What is asked of tags, by name."""
        return [self[name] for name in self.fields if name.startswith(TAG_FIELD)]

    def tags(self) -> dict[str, str]:
        """The answers to that, by key; of what was checked field by field."""
        fields = self.tag_fields()
        answers = {bound.name: self.cleaned_data.get(bound.name, "") for bound in fields}
        return {name.removeprefix(TAG_FIELD): value for name, value in answers.items()}

    def clean(self) -> dict[str, Any] | None:
        try:
            clean_tags(self.tags(), self._tag_questions)
        except InvalidInput as error:
            for name, texts in error.errors.items():
                self.add_error(field_of(name), list(texts))
        return super().clean()

    def draw_cards(self, effects: Effects) -> None:
        """Show on each card what the option means in the chosen project.

        Do this before anything reads what is chosen: the default may move to one that fits.
        """
        for item in self.fields.values():
            if isinstance(item, ParameterField) and item.has_cards:
                item.draw_cards(effects)

    def sections(self) -> list[Section]:
        """The questions as the page shows them."""
        purpose = Block([self["purpose"]], is_wide=True)
        sections = [Section(gettext("What for"), [self._beside("project", "name"), purpose])]
        for title, parameters in groupby(self.parameters, lambda item: str(item.section)):
            blocks = []
            for is_wide, neighbours in groupby(parameters, _is_wide):
                names = [parameter.name for parameter in neighbours]
                if is_wide:
                    blocks += [Block([self[name]], is_wide=True) for name in names]
                else:
                    blocks.append(self._beside(*names))
            sections.append(Section(title, blocks))
        return [*sections, Section(gettext("Term"), [self._beside("end_date")])]

    def _beside(self, *names: str) -> Block:
        return Block([self[name] for name in names], is_wide=False)

    def of_project(self) -> list[BoundField]:
        """The questions that another project gives other options, or other prices."""
        own = {parameter.name for parameter in self.parameters if parameter.of_kinds}
        return [bound for bound in self if _has_cards(bound) or bound.name in own]

    def read_draft(self) -> Draft:
        """What can be read from it now, sent or not."""
        typed = {name: self[name].value() for name in self.fields}
        return read_draft(self._version, self.parameters, self.chosen_project(), typed)

    def spec(self) -> dict[str, Any]:
        """The answers to the questions of the kind; of a valid form."""
        return {item.name: self.cleaned_data[item.name] for item in self.parameters}

    def clean_project(self) -> Project:
        return self._projects[self.cleaned_data["project"]]

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        try:
            with _at_the_field():
                check_name(self.kind, name)
        except ValidationError:
            self["name"].help_text = ""  # the error says the same
            raise
        return name

    def clean_purpose(self) -> str:
        with _at_the_field():
            return clean_purpose(self.cleaned_data["purpose"])

    def clean_end_date(self) -> date | None:
        end_date: date | None = self.cleaned_data["end_date"]
        with _at_the_field():
            check_end_date(self._version, end_date)
        return end_date

    def renew_key(self) -> None:
        """What is sent next is another order."""
        typed = {name: self.data.get(name, "") for name in self.data}
        self.data = {**typed, "idempotency_key": str(uuid4())}


class CartForm(OrderForm):
    """The same, to put the thing in the cart: what all of it is for is asked when it is sent."""

    def full_clean(self) -> None:
        """Shown again it says that the purpose is needed: the order still wants it."""
        purpose = self.fields["purpose"]
        purpose.required = False
        super().full_clean()
        purpose.required = True

    def clean_purpose(self) -> str:
        return super().clean_purpose() if self.cleaned_data["purpose"] else ""


class CommentForm(forms.Form):
    """Something to say under an order."""

    use_required_attribute = False

    text = forms.CharField(
        label=_("What do you want to say?"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def clean_text(self) -> str:
        with _at_the_field():
            return clean_comment(self.cleaned_data["text"])


class QuestionForm(CommentForm):
    """What to know before deciding."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["text"].label = _("Your question")


@contextmanager
def _at_the_field() -> Iterator[None]:
    """The refusal of a rule about one field, as Django's forms know it."""
    try:
        yield
    except InvalidInput as error:
        raise ValidationError(
            [text for texts in error.errors.values() for text in texts]
        ) from error


def _by_organization(projects: Sequence[Project]) -> list[tuple[str, Any]]:
    """The choices; under the names of their organizations where there are several."""
    by_parent = groupby(sorted(projects, key=_organization), _organization)
    groups = [
        (name, [(str(project.public_id), project.name) for project in members])
        for name, members in by_parent
    ]
    return groups if len(groups) > 1 else groups[0][1]


def _organization(project: Project) -> str:
    return project.parent.name if project.parent else ""
