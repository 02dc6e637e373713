"""Drift: where a cloud is other than we know, for operators who mend it and auditors who read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Case, Count, IntegerField, Min, Q, QuerySet, Sum, When
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from catalog.drift_forms import DecisionForm, IgnoreForm, RepairForm
from catalog.kinds import get_kind
from catalog.kinds.base import Action
from catalog.models import (
    CloudLook,
    Difference,
    DifferenceKind,
    DifferenceState,
    DriftRepair,
    RepairState,
)
from catalog.policies import (
    DRIFT_READERS,
    may_mend,
    repairs_to_decide,
    suspected_differences,
    visible_differences,
)
from catalog.services.adoption import why_not_adopted
from catalog.services.drift import OPEN_STATES, ask_for_look, corrections
from catalog.services.putting_back import action_that_puts_back
from catalog.views.drift_wording import (
    GONE,
    OTHER,
    STRANGE,
    consequence_of,
    fields_about_access,
    proposals_of,
    rows_of,
)
from portal.core.errors import DomainError
from portal.identity.access import reached_projects, roles_of
from portal.identity.models import Person, Role
from portal.identity.oidc.step_up import kept_input
from portal.identity.requests import PersonRequest

PAGE_SIZE: Final = 25
LARGE: Final = 3  # so many of the most urgent are shown with both sides
LONGEST_SEARCH: Final = 100  # characters; longer ones are cut
_BY_COST: Final = (
    DifferenceKind.CHARGED_BUT_ABSENT,
    DifferenceKind.NOT_CHARGED,
    DifferenceKind.UNKNOWN,
    DifferenceKind.DUPLICATE,
    DifferenceKind.MISSING,
    DifferenceKind.DIFFERS,
    DifferenceKind.QUOTA,
)
_IS_OPEN: Final = Q(state=DifferenceState.OPEN)
TABS: Final[dict[str, tuple[str | Promise, Q]]] = {
    "": (gettext_lazy("All"), _IS_OPEN),
    "gone": (gettext_lazy("Gone from the cloud"), _IS_OPEN & Q(kind__in=GONE)),
    "strange": (gettext_lazy("Unknown in Cloudloket"), _IS_OPEN & Q(kind__in=STRANGE)),
    "other": (gettext_lazy("Other than ordered"), _IS_OPEN & Q(kind__in=OTHER)),
    "ignored": (gettext_lazy("Ignored"), Q(state=DifferenceState.IGNORED)),
    "solved": (gettext_lazy("Solved"), Q(state=DifferenceState.SOLVED)),
}


@dataclass(frozen=True)
class Tab:
    key: str
    label: str
    count: int
    is_current: bool


@require_safe
def drift_list(request: PersonRequest) -> HttpResponse:
    """What differs, the most urgent first."""
    if not roles_of(request.user) & DRIFT_READERS:
        raise PermissionDenied
    chosen = request.GET.get("show", "")
    chosen = chosen if chosen in TABS else ""
    words = request.GET.get("q", "").replace("\x00", "").strip()[:LONGEST_SEARCH]
    visible = visible_differences(request.user)
    found = _with_everything(visible).filter(TABS[chosen][1])
    if words:
        found = found.filter(_matches(words))
    page = Paginator(_by_urgency(found, chosen), PAGE_SIZE).get_page(request.GET.get("page"))
    rows = rows_of(page)
    is_large = chosen not in {"ignored", "solved"} and page.number == 1
    large = [row for row in rows if row.is_urgent][:LARGE] if is_large else []
    context = {
        "page": page,
        "large": large,
        "rows": [row for row in rows if row not in large],
        "tabs": _tabs(visible, chosen),
        "chosen": chosen,
        "words": words,
        "looks": _looks(request.user),
        "waits_for_second_look": suspected_differences(request.user).exists(),
        "may_look": Role.OPERATOR in roles_of(request.user),
    }
    return render(request, "catalog/drift/list.html", context)


@require_safe
def drift_detail(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """One difference: both sides, and what this person may do about it."""
    return render_difference(request, get_difference(request, public_id))


@require_POST
def drift_look(request: PersonRequest) -> HttpResponse:
    """Have the clouds compared now."""
    if Role.OPERATOR not in roles_of(request.user):
        raise PermissionDenied
    try:
        ask_for_look(request.user)
    except DomainError as error:
        messages.warning(request, str(error))
    else:
        messages.success(
            request, _("We compare now. A new difference shows after a second look agrees.")
        )
    return redirect("catalog:drift")


def get_difference(request: PersonRequest, public_id: UUID) -> Difference:
    return get_object_or_404(
        _with_everything(visible_differences(request.user)), public_id=public_id
    )


def render_difference(
    request: PersonRequest,
    difference: Difference,
    *,
    forms: dict[str, Any] | None = None,
    error: DomainError | None = None,
) -> HttpResponse:
    """The page of one difference. ``forms``: those that were sent, with what was wrong in them."""
    shown = forms or {}
    is_open = difference.state in OPEN_STATES
    may = is_open and may_mend(request.user, difference)
    waiting = _waiting_repair(difference) if is_open else None
    context = {
        "row": rows_of([difference])[0],
        "difference": difference,
        "may_mend": may,
        "may_correct": may
        and difference.resource is not None
        and bool(corrections(difference, difference.resource)),
        "may_push": may and difference.kind == DifferenceKind.QUOTA,
        "putting_back": _action_that_puts_back(difference) if may else None,
        "proposals": proposals_of(difference) if may else [],
        "not_adopted": why_not_adopted(difference)
        if may and difference.kind == DifferenceKind.UNKNOWN
        else None,
        "waiting": waiting,
        "waiting_consequence": consequence_of(waiting.action) if waiting else "",
        "may_decide": waiting is not None
        and repairs_to_decide(request.user).filter(pk=waiting.pk).exists(),
        "is_own": waiting is not None and waiting.proposed_by_id == request.user.pk,
        "settled": difference.repairs.exclude(state=RepairState.PROPOSED)
        .select_related("proposed_by", "decided_by")
        .order_by("-decided_at"),
        "ignore_form": shown.get("ignore") or IgnoreForm(),
        "repair_form": shown.get("repair") or RepairForm(),
        "decision_form": shown.get("decision") or _begun_decision(request, waiting),
        "form": next(iter(shown.values()), None),
        "error": error if error and not shown else None,
    }
    status = error.http_status if error else 200
    return render(request, "catalog/drift/detail.html", context, status=status)


def _action_that_puts_back(difference: Difference) -> Action | None:
    resource = difference.resource
    key = action_that_puts_back(difference, resource)
    return get_kind(resource.kind).actions[key] if resource and key else None


def _begun_decision(request: PersonRequest, waiting: DriftRepair | None) -> DecisionForm:
    """With the reason that the person typed before they had to log in again."""
    address = reverse("catalog:drift-repair-refuse", args=[waiting.public_id]) if waiting else ""
    kept = kept_input(request, address)
    return DecisionForm(initial={"reason": kept.get("reason", "") if kept else ""})


def _waiting_repair(difference: Difference) -> DriftRepair | None:
    waiting = difference.repairs.filter(state=RepairState.PROPOSED)
    return waiting.select_related("proposed_by").first()


def _with_everything(differences: QuerySet[Difference]) -> QuerySet[Difference]:
    return differences.select_related("resource__order_line", "project", "cloud", "ignored_by")


def _by_urgency(differences: QuerySet[Difference], chosen: str) -> QuerySet[Difference]:
    """What may let others in first, then what costs most, and of those what is there longest.

    What is solved comes newest first.
    """
    if chosen == "solved":
        return differences.order_by("-solved_at", "pk")
    about_access = When(kind=DifferenceKind.DIFFERS, field__in=fields_about_access(), then=0)
    by_cost = [When(kind=kind, then=number) for number, kind in enumerate(_BY_COST, start=1)]
    urgency = Case(about_access, *by_cost, output_field=IntegerField())
    return differences.order_by(urgency, "first_seen_at", "pk")


def _matches(words: str) -> Q:
    """Part of a name or of the project's name, or a whole id of the cloud."""
    return (
        Q(name__icontains=words)
        | Q(resource__name__icontains=words)
        | Q(project__name__icontains=words)
        | Q(openstack_id=words)
    )


def _tabs(visible: QuerySet[Difference], chosen: str) -> list[Tab]:
    """Each tab with how many it holds, from one question."""
    totals = visible.aggregate(
        **{f"tab_{key}": Count("pk", filter=which) for key, (_label, which) in TABS.items()}
    )
    return [
        Tab(key, str(label), totals[f"tab_{key}"], key == chosen)
        for key, (label, _which) in TABS.items()
    ]


def _looks(person: Person) -> dict[str, Any]:
    """How the clouds of the person's projects were compared last: the oldest of these."""
    projects = reached_projects(person, *DRIFT_READERS)
    looks = CloudLook.objects.filter(
        cloud__projects__project__in=projects, ended_at__isnull=False
    ).distinct()
    totals = CloudLook.objects.filter(pk__in=looks.values("pk")).aggregate(
        ended_at=Min("ended_at"),
        resources=Sum("resources"),
        unanswered=Count("pk", filter=~Q(unanswered=[])),
        loads_refused_at=Min("loads_refused_at", filter=_is_asked_how_busy()),
    )
    return dict(totals)


def _is_asked_how_busy() -> Q:
    """Not of a cloud that we ask no more: no answer would ever end what it refused."""
    return Q(cloud__key__in=settings.CLOUDS if settings.SERVER_LOADS else [])
