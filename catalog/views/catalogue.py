"""The catalogue: what can be ordered, from what price, and for the data of which project."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from billing.services.quotes import Quote
from catalog.kinds import get_kind
from catalog.models import OfferingVersion
from catalog.policies import offerings_for, orderable_projects, visible_offerings
from catalog.services.offers import starting_prices
from catalog.services.placement import Opinion, opinions_on
from catalog.views.wording import place_in_words
from portal.identity.access import reached_projects
from portal.identity.models import Project
from portal.identity.requests import PersonRequest

MANY = 8  # from more offerings on, searching helps


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One offering as the catalogue shows it.

    Attributes:
        place: where it stands.
        price: lowest price in the chosen project; None when there is none.
        refusals: why it cannot be ordered for that project, in words.
    """

    version: OfferingVersion
    icon: str
    place: str
    price: Quote | None
    refusals: list[str]


@require_safe
def catalogue(request: PersonRequest) -> HttpResponse:
    """Everything that is published. Who may not order anywhere looks with their own projects."""
    orderable = list(orderable_projects(request.user).select_related("parent"))
    projects = orderable or list(
        reached_projects(request.user)
        .filter(ended_at=None)
        .select_related("parent")
        .order_by("name")
    )
    project = choose_project(projects, request.GET.get("project", ""))
    offered = offerings_for(project) if project else visible_offerings(request.user)
    versions = list(offered.prefetch_related("cloud__flavors", "cloud__images"))
    words = request.GET.get("q", "").strip()
    tiles = _tiles([version for version in versions if _matches(version, words)], project)
    context = {
        "tiles": tiles,
        "allowed": sum(not tile.refusals for tile in tiles),
        "has_many": len(versions) > MANY,
        "words": words,
        "projects": projects,
        "project": project,
        "may_order": bool(orderable),
    }
    return render(request, "catalog/catalogue/catalogue.html", context)


def choose_project(projects: Sequence[Project], public_id: str) -> Project | None:
    """The project that an address names, or the first; None when there is none to choose.

    Raises:
        Http404: the address names another.
    """
    if not public_id:
        return projects[0] if projects else None
    for project in projects:
        if str(project.public_id) == public_id:
            return project
    raise Http404


def _matches(version: OfferingVersion, words: str) -> bool:
    """True when every word is part of a name or description, in the reader's language."""
    text = f"{version.name} {version.description} {get_kind(version.offering.kind).label}"
    return all(word in text.casefold() for word in words.casefold().split())


def _tiles(versions: list[OfferingVersion], project: Project | None) -> list[Tile]:
    prices = starting_prices(versions, project) if project else {}
    opinions = opinions_on(project, versions) if project else {}
    return [
        Tile(
            version=version,
            icon=get_kind(version.offering.kind).icon,
            place=place_in_words(version.cloud),
            price=prices.get(version.pk),
            refusals=_refusals(opinions[version.pk], prices.get(version.pk)) if project else [],
        )
        for version in versions
    ]


def _refusals(opinion: Opinion, price: Quote | None) -> list[str]:
    refusals = opinion.refusals
    if price is None:
        refusals.append(_("It has no price, or nothing to choose from, at this moment."))
    return refusals
