"""Answering the questions about the data of a project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.utils.timezone import localdate, now
from django.utils.translation import gettext as _

from catalog.models import WorkloadProfile
from catalog.models.workload import OUTAGES_HOURS
from catalog.placement import Workload, effective_tbb
from catalog.placement_policies import may_classify
from catalog.placement_words import (
    BaseRegister,
    PersonalData,
    Rubricering,
    Score,
)
from portal.audit.services import record
from portal.core.errors import InvalidInput
from portal.identity.models import Person, Project
from portal.identity.sensitive import sensitive
from portal.identity.services.tree import node_to_change, note_classification

LONGEST_REVIEW_DAYS: Final = 366


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What is answered about the data of a project; None: not known yet.

    ``review_on``: the day on which somebody looks at the answers again, at most a year ahead.
    """

    is_core_task: bool | None = None
    personal_data: PersonalData | None = None
    has_special_data: bool | None = None
    availability: Score | None = None
    integrity: Score | None = None
    confidentiality: Score | None = None
    rubricering: Rubricering | None = None
    base_register: BaseRegister | None = None
    is_workplace: bool | None = None
    is_vital: bool | None = None
    longest_outage_hours: int | None = None
    review_on: date | None = None

    @classmethod
    def of(cls, profile: WorkloadProfile) -> Answers:
        """Those that were given."""
        return cls.read({field.name: getattr(profile, field.name) for field in fields(cls)})

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> Answers:
        """Those by name, with words as they are stored; empty: not known."""
        known = {name: facts[name] or None for name in _WORDS if name in facts}
        words = {name: _WORDS[name](word) if word else None for name, word in known.items()}
        return cls(**{**facts, **words})

    def as_workload(self) -> Workload:
        """As the rules know them, without evidence."""
        facts = asdict(self)
        del facts["longest_outage_hours"]
        return Workload(**facts)


_WORDS: Final[dict[str, Any]] = {
    "personal_data": PersonalData,
    "availability": Score,
    "integrity": Score,
    "confidentiality": Score,
    "rubricering": Rubricering,
    "base_register": BaseRegister,
}


def current_profile(project: Project) -> WorkloadProfile | None:
    """The answers in force; None: nobody answered yet."""
    in_force = WorkloadProfile.objects.filter(project=project, ended_at=None)
    return in_force.select_related("answered_by").first()


@sensitive("project.classify")  # says where data may stand that others put there
def answer_questions(project_id: UUID, answers: Answers, *, actor: Person) -> WorkloadProfile:
    """Keep new answers about a project, in the place of those in force.

    Nobody places anything meanwhile: whoever does holds the tree, shared.

    Raises:
        NotAllowed, NodeEnded: as ``node_to_change``.
        InvalidInput: something is not right in a field.
    """
    with node_to_change(project_id, actor, may=may_classify) as node:
        return write_profile(node.project, answers, actor=actor)


@transaction.atomic
def write_profile(project: Project, answers: Answers, *, actor: Person | None) -> WorkloadProfile:
    """The same, without a lock and without asking for a role; ``actor`` None: the platform.

    For what comes with the installation, and inside ``answer_questions``.

    Raises:
        InvalidInput: something is not right in a field.
    """
    kept = _clean(answers)
    moment = now()
    earlier = WorkloadProfile.objects.filter(project=project)
    earlier.filter(ended_at=None).update(ended_at=moment)
    number = (earlier.aggregate(last=Max("number"))["last"] or 0) + 1
    columns = {
        name: "" if name in _WORDS and value is None else value
        for name, value in asdict(kept).items()
    }
    profile = WorkloadProfile.objects.create(
        project=project, number=number, answered_by=actor, answered_at=moment, **columns
    )
    note_classification(
        project,
        protection_level=effective_tbb(kept.as_workload()),
        has_personal_data=_has_personal_data(kept),
    )
    record(
        "workload.answered",
        profile,
        actor=actor,
        node_id=project.pk,
        data={"number": number, **{name: _plain(value) for name, value in columns.items()}},
    )
    return profile


def _clean(answers: Answers) -> Answers:
    """Without personal data there is no special data, whatever was left of that question."""
    errors: dict[str, list[str]] = {}
    today = localdate()
    if answers.review_on is None:
        errors["review_on"] = [_("Fill this in.")]
    elif not today <= answers.review_on <= today + timedelta(days=LONGEST_REVIEW_DAYS):
        errors["review_on"] = [_("Choose a day from today on, within a year.")]
    if answers.longest_outage_hours not in {None, *OUTAGES_HOURS}:
        errors["longest_outage_hours"] = [_("Choose from these.")]
    is_none = answers.personal_data == PersonalData.NONE
    if is_none and answers.has_special_data:
        errors["has_special_data"] = [_("Without personal data there is no special data.")]
    if errors:
        raise InvalidInput(errors)
    return replace(answers, has_special_data=False) if is_none else answers


def _has_personal_data(answers: Answers) -> bool | None:
    known = answers.personal_data
    return None if known is None else known != PersonalData.NONE


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
