"""The tags of a resource, as its own page shows them."""

from __future__ import annotations

from dataclasses import dataclass

from billing.models import MeteredResource
from billing.policies import may_allocate
from billing.services.tags import Tag, tags_of
from catalog.models import Resource
from portal.identity.models import Person


@dataclass(frozen=True, kw_only=True)
class ResourceTags:
    """What holds now. ``may_set``: the person may change it."""

    tags: list[Tag]
    may_set: bool


def tags_shown(person: Person, resource: Resource) -> ResourceTags | None:
    """What means something for it; None where nothing does, or it never ran. Six queries."""
    metered = MeteredResource.objects.select_related("project")
    found = metered.filter(public_id=resource.public_id).first()
    tags = tags_of(found) if found else []
    if not tags:
        return None
    return ResourceTags(tags=tags, may_set=may_allocate(person, resource.project))
