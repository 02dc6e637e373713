"""The catalogue from behind: what is on offer, what is being made, and what it was before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from billing.policies import may_read_tariff_rounds
from catalog.kinds import get_kind
from catalog.models import (
    OfferingVersion,
    OfferingVersionState,
    Publication,
    PublicationState,
)
from catalog.offering_forms import RefusalForm
from catalog.offering_policies import (
    managed_versions,
    may_decide_on_offers,
    may_draft,
    may_look_behind,
)
from catalog.quota_policies import governed_nodes
from catalog.services.offering_checks import problems_of, unpriced_in
from catalog.services.offering_facts import changes_between, words_of
from catalog.views.approval_rules import rules_naming
from catalog.views.offering_preview import previews_of
from portal.core.errors import DomainError
from portal.identity.models import Person
from portal.identity.oidc.step_up import kept_input
from portal.identity.requests import PersonRequest

TONES: Final[Mapping[str, str]] = {
    OfferingVersionState.DRAFT: "active",
    OfferingVersionState.PUBLISHED: "success",
    OfferingVersionState.WITHDRAWN: "neutral",
}


@dataclass(frozen=True, kw_only=True)
class VersionRow:
    """A version in a list: how it stands, since when, and by whom. Nobody: the platform itself."""

    version: OfferingVersion
    kind: str
    tone: str
    badge: str
    who: Person | None
    when: datetime | None


@require_safe
def managed_list(request: PersonRequest) -> HttpResponse:
    """Of everything in the catalogue: what is published, and the draft that comes after it."""
    if not may_look_behind(request.user):
        raise PermissionDenied
    versions = _with_people(managed_versions(request.user)).order_by(
        "offering__position", "offering__code", "-number"
    )
    context = {
        "rows": [row_of(version) for version in _in_front(versions)],
        "may_draft": may_draft(request.user),
    }
    return render(request, "catalog/offerings/list.html", context)


@require_safe
def version_detail(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """One version: what it says, how it looks, and what this person may do with it."""
    return render_version(request, get_version(request, public_id))


def get_version(request: PersonRequest, public_id: UUID) -> OfferingVersion:
    """The version, for who may look behind the catalogue; else there is none."""
    return get_object_or_404(_with_people(managed_versions(request.user)), public_id=public_id)


def render_version(
    request: PersonRequest,
    version: OfferingVersion,
    *,
    form: RefusalForm | None = None,
    error: DomainError | None = None,
) -> HttpResponse:
    """The page of one version. ``form``: the refusal that was sent, with what was wrong in it."""
    versions = list(_with_people(version.offering.versions.all()).order_by("-number"))
    published = _published(versions)
    waiting = _waiting(version)
    is_draft = version.state == OfferingVersionState.DRAFT
    has_draft = any(each.state == OfferingVersionState.DRAFT for each in versions)
    makes = may_draft(request.user)
    decides = may_decide_on_offers(request.user)
    context = {
        "version": version,
        "row": row_of(version),
        "published": published if is_draft else None,
        "changes": changes_between(published, version) if is_draft else [],
        "words": words_of(version),
        "problems": problems_of(version) if is_draft else [],
        "is_unpriced": is_draft and _may_see_to_prices(request, version),
        "previews": previews_of(version, request.user),
        "waiting": waiting,
        "is_own": waiting is not None and waiting.proposed_by_id == request.user.pk,
        "may_decide": waiting is not None and decides and waiting.proposed_by != request.user,
        "may_edit": makes and is_draft and waiting is None,
        "may_copy": makes and not is_draft and not has_draft,
        "may_withdraw": decides and version.state == OfferingVersionState.PUBLISHED,
        "history": [row_of(each) for each in versions],
        "settled": _settled(versions),
        "rules": rules_naming(request, version.offering),
        "may_propose_rule": governed_nodes(request.user).exists(),
        "decision_form": form or _begun_refusal(request, waiting),
        "form": form,
        "error": error if form is None or not form.errors else None,
        "reasons": getattr(error, "reasons", []),
    }
    status = error.http_status if error else HTTPStatus.OK
    return render(request, "catalog/offerings/version.html", context, status=status)


def _may_see_to_prices(request: PersonRequest, version: OfferingVersion) -> bool:
    """Whether something in it has no price, and the person reads what can have one."""
    return may_read_tariff_rounds(request.user) and bool(unpriced_in(version))


def row_of(version: OfferingVersion) -> VersionRow:
    """The version as a list shows it; its publications were fetched before."""
    state = OfferingVersionState(version.state)
    who, when = version.drafted_by, version.drafted_at
    tone, badge = TONES[state], str(state.label)
    publications = list(version.publications.all())
    waiting = _waiting(version)
    if waiting:
        who, when = waiting.proposed_by, waiting.proposed_at
        tone, badge = "neutral", str(PublicationState.PROPOSED.label)
    elif state is OfferingVersionState.WITHDRAWN:
        who, when = version.withdrawn_by, version.withdrawn_at
    elif state is OfferingVersionState.PUBLISHED:
        confirmed = [one for one in publications if one.state == PublicationState.CONFIRMED]
        who, when = (confirmed[0].decided_by, confirmed[0].decided_at) if confirmed else (who, when)
    kind = str(get_kind(version.offering.kind).label)
    return VersionRow(version=version, kind=kind, tone=tone, badge=badge, who=who, when=when)


def _with_people(versions: QuerySet[OfferingVersion]) -> QuerySet[OfferingVersion]:
    publications = Publication.objects.select_related("proposed_by", "decided_by").order_by("-pk")
    return versions.select_related(
        "offering", "cloud", "drafted_by", "withdrawn_by"
    ).prefetch_related("visible_to", Prefetch("publications", publications))


def _in_front(versions: Iterable[OfferingVersion]) -> Iterator[OfferingVersion]:
    """Of each offering what is published or a draft; of what is gone the last version."""
    for _offering, group in groupby(versions, lambda version: version.offering_id):
        members = list(group)
        living = [one for one in members if one.state != OfferingVersionState.WITHDRAWN]
        yield from living or members[:1]


def _published(versions: Iterable[OfferingVersion]) -> OfferingVersion | None:
    return next((one for one in versions if one.state == OfferingVersionState.PUBLISHED), None)


def _waiting(version: OfferingVersion) -> Publication | None:
    publications = version.publications.all()
    return next((one for one in publications if one.state == PublicationState.PROPOSED), None)


def _settled(versions: Iterable[OfferingVersion]) -> list[tuple[OfferingVersion, Publication]]:
    """Who proposed and decided what, the newest first."""
    return [
        (version, publication)
        for version in versions
        for publication in version.publications.all()
        if publication.state != PublicationState.PROPOSED
    ]


def _begun_refusal(request: PersonRequest, waiting: Publication | None) -> RefusalForm:
    """With the reason that the person typed before they had to log in again."""
    address = reverse("catalog:publication-refuse", args=[waiting.public_id]) if waiting else ""
    kept: Any = kept_input(request, address)
    return RefusalForm(initial={"reason": kept.get("reason", "") if kept else ""})
