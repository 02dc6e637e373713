"""The places where data can stand: how sovereign they are, and what that is known from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from catalog.models import OfferingVersion, SupplyProfile
from catalog.offering_forms import RefusalForm
from catalog.offering_policies import may_look_behind
from catalog.placement_policies import (
    may_decide_on_supplies,
    may_draft_supplies,
    visible_supplies,
)
from catalog.placement_words import Hosting, label_of
from catalog.services.placement import missing_of
from catalog.services.placement.minimums import minimums_in_force
from catalog.supply_forms import SECTIONS, section_of
from catalog.views.placement.supply_changes import changes_between
from catalog.views.placement.supply_wording import (
    Sovereignty,
    facts_in_words,
    is_outside_eea,
    name_of,
    score_in_words,
    sovereignty_of,
    state_of,
)
from portal.cloud.models import Cloud
from portal.core.errors import DomainError
from portal.core.sheets import Rows, answer_file
from portal.identity.models.proposed import DecisionState
from portal.identity.oidc.step_up import kept_input
from portal.identity.requests import PersonRequest

COLUMNS: Final = (
    *(_("Place"), _("Whose place it is"), _("Run by"), _("Ultimate owner"), _("Countries")),
    *("SEAL", _("Score"), _("Weights of the score"), _("Assessed"), _("Until when")),
)
ANSWER_COLUMNS: Final = (
    *(_("Objective"), _("Criterion"), _("Question"), _("Answer"), "SEAL", _("Points")),
    *(_("Where the evidence is"), _("Date of the evidence")),
)


@dataclass(frozen=True, kw_only=True)
class PlaceRow:
    """A place in the list. ``profile`` None: nobody assessed it; ``next``: what is being made."""

    name: str
    profile: SupplyProfile | None
    hosting: str
    operator: str
    owner: str
    score: str
    next: SupplyProfile | None
    next_tone: str = ""
    next_badge: str = ""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A section of a draft. ``gaps``: without an answer; ``claims``: without evidence."""

    key: str
    name: str
    gaps: int
    claims: int


@require_safe
def supplies(request: PersonRequest) -> HttpResponse:
    """Every place, by name: the score only ranks what data may stand in."""
    context = {
        "rows": _rows(request),
        "may_draft": may_draft_supplies(request.user),
        "shows_next": may_look_behind(request.user),
    }
    return render(request, "catalog/supplies/list.html", context)


@require_safe
def supply_list_sheet(request: PersonRequest, form: str) -> HttpResponseBase:
    """The same as a file."""
    return answer_file(_sheet(_rows(request)), form, "places")


@require_safe
def supply(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """One assessment: what it says of a place, and what this person may do with it."""
    return render_supply(request, get_supply(request, public_id))


@require_safe
def supply_sheet(request: PersonRequest, public_id: UUID, form: str) -> HttpResponseBase:
    """The answers to the framework as a file, with their evidence."""
    profile = get_supply(request, public_id)
    return answer_file(_answer_rows(profile), form, f"assessment-{profile.cloud.key}")


def get_supply(request: PersonRequest, public_id: UUID) -> SupplyProfile:
    """The assessment, for who sees it; else there is none."""
    return get_object_or_404(_whole(visible_supplies(request.user)), public_id=public_id)


def render_supply(
    request: PersonRequest,
    profile: SupplyProfile,
    *,
    form: RefusalForm | None = None,
    error: DomainError | None = None,
) -> HttpResponse:
    """The page of one assessment. ``form``: the refusal that was sent, with what was wrong."""
    tone, badge = state_of(profile)
    waits = not profile.is_draft and profile.state == DecisionState.PROPOSED
    is_own = profile.proposed_by_id == request.user.pk
    drafts = may_draft_supplies(request.user)
    in_force = _in_force(profile) if waits else None
    sovereignty = sovereignty_of(profile, minimums_in_force())
    context = {
        "profile": profile,
        "name": name_of(profile),
        "tone": tone,
        "badge": badge,
        "facts": facts_in_words(profile),
        "chain": [(each, is_outside_eea(each.jurisdiction)) for each in profile.owners.all()],
        "dependencies": _dependencies(profile),
        "sovereignty": sovereignty,
        "sections": _sections(profile, sovereignty) if profile.is_draft else [],
        "missing": _lacking(profile) if profile.is_draft else [],
        "in_force": in_force,
        "changes": changes_between(in_force, profile) if in_force else [],
        "waits": waits,
        "is_own": waits and is_own,
        "may_edit": drafts and profile.is_draft,
        "may_begin": drafts and not profile.is_draft and not waits and not _has_next(profile),
        "may_decide": waits and not is_own and may_decide_on_supplies(request.user),
        "shows_people": may_look_behind(request.user),
        "history": _history(request, profile),
        "decision_form": form or _begun_refusal(request, profile),
        "form": form,
        "error": error if form is None or not form.errors else None,
    }
    status = error.http_status if error else HTTPStatus.OK
    return render(request, "catalog/supplies/detail.html", context, status=status)


def _rows(request: PersonRequest) -> list[PlaceRow]:
    living = (DecisionState.CONFIRMED, DecisionState.PROPOSED)
    visible = _whole(visible_supplies(request.user)).filter(state__in=living, ended_at=None)
    names = dict(Cloud.objects.values_list("pk", "name"))
    by_place: dict[tuple[int, int | None], list[SupplyProfile]] = {
        (cloud, None): [] for cloud in names
    }
    for profile in visible:
        by_place.setdefault((profile.cloud_id, profile.offering_id), []).append(profile)
    rows = [_row(names[cloud], found) for (cloud, _offering), found in by_place.items()]
    return sorted(rows, key=lambda row: row.name.lower())


def _row(cloud: str, found: Iterable[SupplyProfile]) -> PlaceRow:
    by_state = {profile.state: profile for profile in found}
    profile = by_state.get(DecisionState.CONFIRMED)
    coming = by_state.get(DecisionState.PROPOSED)
    known = profile or coming
    owners = [owner.name for owner in profile.owners.all()] if profile else []
    tone, badge = state_of(coming) if coming else ("", "")
    return PlaceRow(
        name=name_of(known) if known else cloud,
        profile=profile,
        hosting=str(label_of(Hosting(profile.hosting))) if profile and profile.hosting else "",
        operator=owners[0] if owners else "",
        owner=owners[-1] if owners else "",
        score=score_in_words(profile.score) if profile else "",
        next=coming,
        next_tone=tone,
        next_badge=badge,
    )


def _sheet(rows: Iterable[PlaceRow]) -> Rows:
    yield [str(name) for name in COLUMNS]
    for row in rows:
        known = row.profile
        if known is None:
            yield (row.name, *[""] * (len(COLUMNS) - 1))
            continue
        yield (
            *(row.name, row.hosting, row.operator, row.owner, ", ".join(known.locations)),
            "" if known.seal is None else Decimal(known.seal),
            "" if known.score is None else known.score,
            *(known.framework, _iso(known.assessed_on), _iso(known.valid_until)),
        )


def _answer_rows(profile: SupplyProfile) -> Rows:
    yield [str(name) for name in ANSWER_COLUMNS]
    for part in sovereignty_of(profile, minimums_in_force()).parts:
        for row in part.rows:
            yield (
                *(part.name, row.code, row.title, row.answer),
                "" if row.seal is None else Decimal(row.seal),
                "" if row.points is None else row.points,
                *(row.evidence, _iso(row.evidenced_on)),
            )


def _iso(day: Any) -> str:
    return day.isoformat() if day else ""


def _dependencies(profile: SupplyProfile) -> list[tuple[Any, list[str], bool]]:
    """Each with the names of what it needs, and whether it is under law from outside the EEA."""
    found = list(profile.dependencies.all())
    names = {each.key: each.name for each in found}
    return [
        (each, [names.get(key, key) for key in each.needs], is_outside_eea(each.jurisdiction))
        for each in found
    ]


def _lacking(profile: SupplyProfile) -> list[tuple[str | Promise, str]]:
    """What a draft lacks before it can be proposed, in words, and the section that asks for it."""
    return [(words, section_of(fact)) for fact, words in missing_of(profile).items()]


def _sections(profile: SupplyProfile, sovereignty: Sovereignty) -> list[Section]:
    """The sections of a draft, with what is open in those of the framework."""
    parts = {part.section: part for part in sovereignty.parts}
    return [
        Section(
            key=key,
            name=str(name),
            gaps=parts[key].gaps if key in parts else 0,
            claims=parts[key].claims if key in parts else 0,
        )
        for key, name in SECTIONS.items()
    ]


def _history(request: PersonRequest, profile: SupplyProfile) -> list[tuple[Any, str, str]]:
    """The other assessments of this place that the person sees, the newest first."""
    of_place = visible_supplies(request.user).filter(
        cloud=profile.cloud_id, offering=profile.offering_id
    )
    found = of_place.select_related("proposed_by", "decided_by").order_by("-number")
    return [(each, *state_of(each)) for each in found]


def _in_force(profile: SupplyProfile) -> SupplyProfile | None:
    """What a proposal takes the place of."""
    of_place = SupplyProfile.objects.filter(cloud=profile.cloud_id, offering=profile.offering_id)
    return _whole(of_place).filter(state=DecisionState.CONFIRMED, ended_at=None).first()


def _has_next(profile: SupplyProfile) -> bool:
    return SupplyProfile.objects.filter(
        cloud=profile.cloud_id, offering=profile.offering_id, state=DecisionState.PROPOSED
    ).exists()


def _whole(profiles: QuerySet[SupplyProfile]) -> QuerySet[SupplyProfile]:
    versions = Prefetch("offering__versions", OfferingVersion.objects.order_by("-number"))
    people = ("cloud", "offering", "proposed_by", "decided_by")
    return profiles.select_related(*people).prefetch_related(
        "owners", "dependencies", "answers", versions
    )


def _begun_refusal(request: PersonRequest, profile: SupplyProfile) -> RefusalForm:
    """With the reason that the person typed before they had to log in again."""
    kept: Any = kept_input(request, reverse("catalog:supply-refuse", args=[profile.public_id]))
    return RefusalForm(initial={"reason": kept.get("reason", "") if kept else ""})
