"""Ordering something that is made from what runs already: a snapshot of a disk, a disk of that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.http import Http404

from catalog.forms import OrderForm
from catalog.kinds import all_kinds
from catalog.models import OfferingVersion, Resource, ResourceState
from catalog.offering_policies import is_offered_to, published_versions
from catalog.policies import may_change, visible_resources
from portal.identity.models import Person, Project
from portal.identity.requests import PersonRequest

MADE_FROM: Final = "from"  # in an address: the public id of the resource


def makeable_from(resource: Resource, person: Person) -> list[OfferingVersion]:
    """What this person may order that is made from the resource. At most one query of offerings."""
    kinds = [kind.key for kind in all_kinds() if resource.kind in kind.made_from]
    if not kinds or resource.state != ResourceState.ACTIVE or not may_change(person, resource):
        return []
    offered = published_versions().filter(
        is_offered_to(resource.project.lineage_ids),
        offering__kind__in=kinds,
        cloud=resource.cloud_project.cloud_id,
    )
    return list(offered.select_related("offering").order_by("offering__position", "pk"))


def source_in_address(request: PersonRequest) -> Resource | None:
    """The resource that the address names; None when it names none.

    Raises:
        Http404: the person reaches no such resource that runs.
    """
    public_id = request.GET.get(MADE_FROM)
    if not public_id:
        return None
    running = visible_resources(request.user).filter(state=ResourceState.ACTIVE)
    try:
        source = running.select_related("project").filter(public_id=public_id).first()
    except ValidationError:  # that is no id
        source = None
    if source is None:
        raise Http404
    return source


def made_from(source: Resource, form: OrderForm, projects: Sequence[Project]) -> dict[str, Any]:
    """What a form for these projects begins with, to make something from the resource."""
    if source.project not in projects:
        return {}
    asked = [item.name for item in form.parameters if source.kind in item.of_kinds]
    return {
        **form.kind.begun_from(source),
        "project": str(source.project.public_id),
        **dict.fromkeys(asked, str(source.public_id)),
    }
