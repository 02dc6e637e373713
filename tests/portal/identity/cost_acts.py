"""Acts about costs that bind somebody else."""

from __future__ import annotations

from django.utils.timezone import localdate

from billing.models import AllocationKey, MeteredResource
from billing.services.allocations import Place, set_allocation
from billing.services.tag_keys import define_tag_key, withdraw_tag_key
from billing.services.tags import set_tag
from portal.core.formats import DATE_FORMATS
from portal.identity.models import Node, Person, Role
from tests.factories import PersonFactory, grant
from tests.factories.billing import MeteredResourceFactory
from tests.portal.identity.doors import Doors, Get


def allocating_a_project(get: Get) -> Doors:
    project = get("project")
    return _allocating(project, project, f"/costs/allocation/{project.public_id}")


def allocating_a_resource(get: Get) -> Doors:
    resource: MeteredResource = MeteredResourceFactory(project=get("project"))
    page = f"/costs/resources/{resource.public_id}/allocation"
    return _allocating(resource, resource.project, page)


def _allocating(place: Place, project: Node, page: str) -> Doors:
    finance = _finance(project)
    key, today = AllocationKey.COST_OBJECT, localdate()
    return Doors(
        actor=finance,
        service=lambda: set_allocation(place, key, value="zaken", starts_on=today, actor=finance),
        page=page,
        form={"key": key.value, "value": "zaken", "starts_on": today.strftime(DATE_FORMATS[0])},
    )


def tagging_a_resource(get: Get) -> Doors:
    resource: MeteredResource = MeteredResourceFactory(project=get("project"))
    finance = _finance(resource.project.parent)
    define_tag_key(resource.project.parent, "fase", actor=finance)
    today = localdate()
    return Doors(
        actor=finance,
        service=lambda: set_tag(resource, "fase", value="test", starts_on=today, actor=finance),
        page=f"/costs/resources/{resource.public_id}/tags",
        form={"key": "fase", "value": "test", "starts_on": today.strftime(DATE_FORMATS[0])},
        api="/api/v1/tags",
        body={
            "resource": str(resource.public_id),
            "key": "fase",
            "value": "test",
            "starts_on": today.isoformat(),
        },
    )


def defining_a_tag_key(get: Get) -> Doors:
    organization = get("project").parent
    finance = _finance(organization)
    return Doors(
        actor=finance,
        service=lambda: define_tag_key(organization, "fase", actor=finance),
        page=f"/costs/tags/{organization.public_id}/keys",
        form={"name": "fase", "allowed_values": ""},
        api="/api/v1/tag-keys",
        body={"node": str(organization.public_id), "name": "fase"},
    )


def withdrawing_a_tag_key(get: Get) -> Doors:
    organization = get("project").parent
    finance = _finance(organization)
    key = define_tag_key(organization, "fase", actor=finance)
    return Doors(
        actor=finance,
        service=lambda: withdraw_tag_key(organization, "fase", actor=finance),
        page=f"/costs/tags/{organization.public_id}/keys",
        form={"withdraw": "fase"},
        api=f"/api/v1/tag-keys/{key.public_id}/withdraw",
        body={},
    )


def _finance(node: Node) -> Person:
    finance: Person = PersonFactory()
    grant(finance, Role.FINANCE, node)
    return finance
