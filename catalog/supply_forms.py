"""What is asked about a place where data can stand, in sections. The services judge the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any, ClassVar, Final, cast

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from catalog.models import Offering, OfferingVersion, SupplyProfile
from catalog.offering_policies import nameable_versions
from catalog.placement import Link
from catalog.placement.csf import ASKED_PER_ENTITY, Criterion, Framework, criteria_of
from catalog.placement.csf_words import CRITERION_WORDS, FRAMEWORK_NAMES
from catalog.placement_forms import Question, Section, one_of_words, yes_or_no
from catalog.placement_words import (
    LOWEST_INTEREST,
    Hosting,
    Keys,
    Objective,
    Rubricering,
    Screening,
    label_of,
)
from catalog.services.placement import CsfAnswer, KnownDependency, SupplyChanges
from catalog.supply_fields import LaterDay, LaterText, day_field, lines_field
from catalog.supply_lines import (
    DEPENDENCY_PARTS,
    dependency_line,
    line_of,
    read_day,
    read_dependency,
    read_lines,
)
from portal.cloud.models import Cloud
from portal.core.formats import DATE_FORMATS
from portal.core.forms import RefusableForm
from portal.identity.models import Person

_LINK_PARTS: Final = {2}  # name, country
_CERTIFICATE_PARTS: Final = {2}  # name, day
_EVIDENCE: Final = "evidence"
_EVIDENCED_ON: Final = "evidenced_on"


class NewSupplyForm(RefusableForm):
    """Which place is assessed: a whole cloud, or what one offering makes there."""

    cloud = forms.ModelChoiceField(
        label=_("Cloud"), queryset=Cloud.objects.order_by("name"), empty_label=None
    )
    offering = forms.ChoiceField(
        label=_("What of it"),
        required=False,
        help_text=_("An offering without an assessment of its own has that of its cloud."),
    )

    def __init__(self, person: Person, data: Any = None, **options: Any) -> None:
        super().__init__(data, **options)
        versions: Iterable[OfferingVersion] = nameable_versions(person)
        self._offerings = {str(each.offering.public_id): each for each in versions}
        self.fields["offering"].choices = [  # type: ignore[attr-defined]  # a ChoiceField
            ("", _("The whole cloud")),
            *((key, str(each.name)) for key, each in self._offerings.items()),
        ]

    def chosen_offering(self) -> Offering | None:
        """The chosen one, of a valid form; None: the whole cloud."""
        chosen = self._offerings.get(self.cleaned_data["offering"])
        return chosen.offering if chosen else None


class SupplyForm(RefusableForm):
    """A section of a draft."""

    intro: ClassVar[str | Promise] = ""

    @property
    def sections(self) -> list[Section]:
        """The questions as they stand together; by themselves, unless a form says otherwise."""
        return [Section("", [bound]) for bound in self]

    def changes(self) -> SupplyChanges:
        """What was filled in; of a valid form."""
        raise NotImplementedError


class GeneralForm(SupplyForm):
    """Whose it is, where it stands, how it is protected, and what it admits."""

    intro = _("What you leave open counts as not allowed, where it matters.")

    hosting = one_of_words(_("Whose place is it?"), Hosting)
    locations = LaterText(
        label=_("In which countries does data stand?"),
        help_text=_("Two letters for each, such as NL, DE. Copies and logs count too."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    keys = one_of_words(_("Who holds the keys?"), Keys)
    is_encrypted_at_rest = yes_or_no(_("Is data encrypted where it is stored?"))
    is_encrypted_in_transit = yes_or_no(_("Is data encrypted on its way?"))
    is_encrypted_in_use = yes_or_no(_("Is data encrypted while it is worked with?"))
    personnel_screening = one_of_words(_("How are people of the operator screened?"), Screening)
    certifications = lines_field(
        _("Certificates"),
        _("One on each line: name; last day. For example: ISO 27001; 31-12-2027."),
        rows=3,
    )
    highest_protection_level = Question(
        _("Highest interest (TBB) that may stand here"),
        [(str(level), str(level)) for level in range(1, LOWEST_INTEREST + 1)],
        int,
        _("1 is the highest interest."),
    )
    highest_rubricering = one_of_words(
        _("Highest marking that it is approved for"),
        Rubricering,
        _("Only what an accreditation says. It is never chosen for you here."),
    )
    admits_personal_data = yes_or_no(_("May personal data stand here?"))
    admits_special_data = yes_or_no(_("May special personal data stand here?"))
    framework = forms.ChoiceField(
        label=_("Weights of the score"),
        choices=[(version.value, FRAMEWORK_NAMES[version]) for version in Framework],
        help_text=_("Of the EU Cloud Sovereignty Framework. The SEAL is the same in both."),
    )
    valid_until = day_field(
        _("Until when does this assessment hold?"),
        _("Day-month-year, within three years. After that day nothing new may stand here."),
        LaterDay,
    )

    def __init__(self, draft: SupplyProfile, data: Any = None) -> None:
        super().__init__(data, initial=_facts(draft))

    @property
    def sections(self) -> list[Section]:
        return [Section(title, [self[name] for name in names]) for title, names in _SUBJECTS]

    def clean_locations(self) -> list[str]:
        return [code for code in self.cleaned_data["locations"].replace(",", " ").split() if code]

    def clean_certifications(self) -> list[dict[str, Any]]:
        lines = read_lines(self.cleaned_data["certifications"], _CERTIFICATE_PARTS)
        return [{"name": name, "valid_until": read_day(day)} for name, day in lines]

    def changes(self) -> SupplyChanges:
        return SupplyChanges(facts=self.cleaned_data)


_SUBJECTS: Final = (
    (
        _("Whose it is, and where it stands"),
        ("hosting", "locations", "personnel_screening", "certifications"),
    ),
    (
        _("How data is protected"),
        ("keys", "is_encrypted_at_rest", "is_encrypted_in_transit", "is_encrypted_in_use"),
    ),
    (
        _("What may stand here"),
        (
            *("highest_protection_level", "highest_rubricering"),
            *("admits_personal_data", "admits_special_data"),
        ),
    ),
    (_("This assessment"), ("framework", "valid_until")),
)


class ChainForm(SupplyForm):
    """Who owns whom."""

    intro = _(
        "Begin with the company or body that runs it, then its owner, and so on to the last one."
    )

    chain = lines_field(
        _("From the operator to the ultimate owner"),
        _("One on each line: name; country. For example: Datacentrum BV; NL."),
        rows=6,
        field=LaterText,
    )

    def __init__(self, draft: SupplyProfile, data: Any = None) -> None:
        links = [line_of([owner.name, owner.jurisdiction]) for owner in draft.owners.all()]
        super().__init__(data, initial={"chain": "\n".join(links)})

    def clean_chain(self) -> list[Link]:
        lines = read_lines(self.cleaned_data["chain"], _LINK_PARTS)
        return [Link(name=name, jurisdiction=country) for name, country in lines]

    def changes(self) -> SupplyChanges:
        return SupplyChanges(chain=self.cleaned_data["chain"])


class DependenciesForm(SupplyForm):
    """What it cannot do without, and what that needs in turn."""

    intro = _("Hardware, software and services of others that this place uses.")

    dependencies = lines_field(
        _("What it depends on"),
        _(
            "One on each line: key; name; kind; supplier; country; critical (yes or no); keys of "
            "what it needs; evidence; date of the evidence. The last three may be left out. Kinds: "
            "hardware, software, service. For example: power; Power; service; Net NV; NL; yes."
        ),
        rows=8,
    )
    lists_dependencies = forms.TypedChoiceField(
        label=_("Is this everything?"),
        choices=[("yes", _("Yes")), ("no", _("No"))],
        coerce=lambda answer: answer == "yes",
        widget=forms.RadioSelect,
        help_text=_("Choose yes only when everything was looked for."),
    )

    def __init__(self, draft: SupplyProfile, data: Any = None) -> None:
        initial = {
            "dependencies": "\n".join(dependency_line(each) for each in draft.dependencies.all()),
            "lists_dependencies": "yes" if draft.lists_dependencies else "no",
        }
        super().__init__(data, initial=initial)

    def clean_dependencies(self) -> list[KnownDependency]:
        lines = read_lines(self.cleaned_data["dependencies"], DEPENDENCY_PARTS)
        return [read_dependency(*parts) for parts in lines]

    def changes(self) -> SupplyChanges:
        said = dict(self.cleaned_data)
        return SupplyChanges(dependencies=said.pop("dependencies"), facts=said)


class AnswersForm(SupplyForm):
    """The criteria of one objective, each with where its evidence is; see ``_answers_form``."""

    intro = _(
        "Choose what you can show. An answer without evidence is a claim: it counts for nothing "
        "until there is evidence with its date."
    )
    criteria: ClassVar[tuple[Criterion, ...]] = ()

    def __init__(self, draft: SupplyProfile, data: Any = None) -> None:
        known = {each.criterion: each for each in draft.answers.all()}
        initial: dict[str, Any] = {}
        for code in known.keys() & {each.code for each in self.criteria}:
            initial[code] = str(known[code].answer)
            initial[_of(code, _EVIDENCE)] = known[code].evidence
            initial[_of(code, _EVIDENCED_ON)] = known[code].evidenced_on
        super().__init__(data, initial=initial)

    @property
    def sections(self) -> list[Section]:
        return [
            Section(self[each.code].label, [self[name] for name in _names_of(each)])
            for each in self.criteria
        ]

    def changes(self) -> SupplyChanges:
        return SupplyChanges(answers={each.code: self._answer(each.code) for each in self.criteria})

    def _answer(self, code: str) -> CsfAnswer | None:
        index = self.cleaned_data[code]
        if index is None:
            return None
        return CsfAnswer(
            index=index,
            evidence=self.cleaned_data[_of(code, _EVIDENCE)],
            evidenced_on=self.cleaned_data[_of(code, _EVIDENCED_ON)],
        )


# Where what must be said is said; all else is in the first section.
_ELSEWHERE: Final = {"chain": "chain"}

# The sections by their place in the address, in the order in which they are filled in.
SECTIONS: Final[dict[str, str | Promise]] = {
    "general": _("In general"),
    "chain": _("Owners"),
    "dependencies": _("Dependencies"),
    **{objective.lower(): label_of(objective) for objective in Objective},
}


def section_of(fact: str) -> str:
    """The section that asks for a fact without which nothing can be proposed."""
    return _ELSEWHERE.get(fact, "general")


def form_of(section: str, draft: SupplyProfile, data: Any) -> SupplyForm:
    """The form of a section of ``SECTIONS``, with what the draft says."""
    return _FORMS[section](draft, data)


def _of(code: str, what: str) -> str:
    return f"{code}-{what}"


def _names_of(criterion: Criterion) -> tuple[str, str, str]:
    """The answer, where its evidence is, and the date of that."""
    return criterion.code, _of(criterion.code, _EVIDENCE), _of(criterion.code, _EVIDENCED_ON)


def _questions(criteria: Iterable[Criterion]) -> dict[str, forms.Field]:
    found: dict[str, forms.Field] = {}
    for each in criteria:
        words = CRITERION_WORDS[each.code]
        answers = [
            (str(index), _AnswerLabel(text, rung.seal))
            for index, (text, rung) in enumerate(zip(words.answers, each.ladder, strict=True))
        ]
        worst = _("Answer for the worst one in the chain of owners.")
        hint = worst if each.code in ASKED_PER_ENTITY else ""
        label = _CriterionLabel(each.code, words.title)
        unknown = _("No answer yet")
        found[each.code] = Question(label, answers, int, hint, unknown=unknown, columns=1)
        found[_of(each.code, _EVIDENCE)] = forms.CharField(
            label=_("Where the evidence is"),
            required=False,
            widget=forms.TextInput(attrs={"autocomplete": "off"}),
        )
        found[_of(each.code, _EVIDENCED_ON)] = day_field(_("Date of the evidence"))
    return found


def _answers_form(objective: Objective) -> type[AnswersForm]:
    """The form of one objective: a class of its own, for each has other questions."""
    criteria = criteria_of(objective)
    name = f"AnswersForm{objective.name}"
    parts: dict[str, Any] = {**_questions(criteria), "criteria": criteria}
    return cast("type[AnswersForm]", type(name, (AnswersForm,), parts))


class _CriterionLabel:
    """“SOV-1.1 Control by …”, in the language of the page."""

    def __init__(self, code: str, title: str | Promise) -> None:
        self._code, self._title = code, title

    def __str__(self) -> str:
        return f"{self._code} {self._title}"


class _AnswerLabel:
    """“Mostly within the EU (SEAL-3)”, in the language of the page."""

    def __init__(self, text: str | Promise, seal: int) -> None:
        self._text, self._seal = text, seal

    def __str__(self) -> str:
        return f"{self._text} (SEAL-{self._seal})"


def _facts(draft: SupplyProfile) -> dict[str, Any]:
    """What the first section shows of a draft."""
    found = {name: getattr(draft, name) for name in GeneralForm.base_fields}
    found["locations"] = ", ".join(draft.locations)
    found["certifications"] = "\n".join(
        line_of([one["name"], date.fromisoformat(one["valid_until"]).strftime(DATE_FORMATS[0])])
        for one in draft.certifications
    )
    return {name: _as_choice(value) for name, value in found.items()}


def _as_choice(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, int) else value


_FORMS: Final[dict[str, Callable[..., SupplyForm]]] = {
    "general": GeneralForm,
    "chain": ChainForm,
    "dependencies": DependenciesForm,
    **{objective.lower(): _answers_form(objective) for objective in Objective},
}
