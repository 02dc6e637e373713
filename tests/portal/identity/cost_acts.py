"""Acts about costs that bind somebody else."""

from __future__ import annotations

from django.utils.timezone import localdate

from billing.models import AllocationKey, MeteredResource
from billing.services.allocations import Place, set_allocation
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
    finance: Person = PersonFactory()
    grant(finance, Role.FINANCE, project)
    key, today = AllocationKey.COST_OBJECT, localdate()
    return Doors(
        actor=finance,
        service=lambda: set_allocation(place, key, value="zaken", starts_on=today, actor=finance),
        page=page,
        form={"key": key.value, "value": "zaken", "starts_on": today.strftime(DATE_FORMATS[0])},
    )
