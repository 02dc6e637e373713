"""What a resource has to do with others: attached to, made from, needed by."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Q

from catalog.kinds import get_kind
from catalog.kinds.base import ATTACHED_BEFORE, ATTACHED_TO
from catalog.kinds.parameters import Text
from catalog.models import Derivation, Resource, ResourceState


@dataclass(frozen=True, kw_only=True)
class Relations:
    """Other resources of the same project.

    Attributes:
        attached_to: what uses this one; None: nothing.
        attached_again_to: what used this one until the cloud lost that, and will again.
        attached: what this one uses.
        made: what was made from this one and lives.
        made_label: what that is to this one, in words.
        needed_by: those of ``made`` that it cannot be cleaned up before.
    """

    attached_to: Resource | None
    attached_again_to: Resource | None
    attached: Collection[Resource]
    made: Collection[Resource]
    made_label: Text
    needed_by: Collection[Resource]


def relations_of(resource: Resource) -> Relations:
    """Two queries."""
    own_id = str(resource.public_id)
    used_by, used_before_by = (resource.facts.get(key) for key in (ATTACHED_TO, ATTACHED_BEFORE))
    others = Resource.objects.filter(
        Q(facts__contains={ATTACHED_TO: own_id})
        | Q(public_id=used_by)
        | Q(public_id=used_before_by),
        project=resource.project_id,
    ).exclude(state=ResourceState.RETIRED)
    nearby = list(others.order_by("name"))
    by_id = {str(one.public_id): one for one in nearby}
    derivations = Derivation.objects.filter(Q(resource=resource) | Q(source=resource))
    related = list(derivations.select_related("resource", "source").order_by("pk"))
    living = [
        one
        for one in related
        if one.source_id == resource.pk and one.resource.state != ResourceState.RETIRED
    ]
    return Relations(
        attached_to=by_id.get(used_by),
        attached_again_to=by_id.get(used_before_by),
        attached=[one for one in nearby if one.facts.get(ATTACHED_TO) == own_id],
        made=[one.resource for one in living],
        made_label=get_kind(resource.kind).made_label,
        needed_by=[one.resource for one in living if one.keeps_its_source],
    )
