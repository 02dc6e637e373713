"""Filling in what a part takes of other parts, once those run and before it is begun."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from catalog.blueprints.design import Result, filled_in, results_in
from catalog.kinds import get_kind
from catalog.models import OperationKind, OrderLine, Resource
from catalog.provisioning.claims import Held
from catalog.services.operations import lock_resource
from portal.audit.services import record


class WiringFailed(Exception):
    """What another part has cannot be taken; in words for who made the blueprint."""


def fill_in(held: Held) -> None:
    """Complete the spec of what is delivered, where that takes something of other parts.

    Raises:
        WiringFailed: another part has no such thing, or the kind does not accept it.
    """
    operation = held.step.operation
    resource = operation.resource
    line = resource.order_line
    if operation.kind != OperationKind.PROVISION or line is None or not line.wiring:
        return
    if held.step.goes_ahead:
        return  # those parts need not be there yet
    if any(resource.spec.get(name) is None for name in line.wiring):
        resource.spec = _fill_in(resource, line)


@transaction.atomic(durable=True)
def _fill_in(resource: Resource, line: OrderLine) -> dict[str, Any]:
    found = lock_resource(resource)
    found.spec = {**found.spec, **_wired(found, line)}
    found.save(update_fields=["spec"])
    record(
        "resource.wired",
        found,
        actor=None,
        node_id=found.project_id,
        data={"parameters": sorted(line.wiring)},
    )
    return dict(found.spec)


def _wired(resource: Resource, line: OrderLine) -> dict[str, Any]:
    """The parameters that come from other parts, as the kind keeps them."""
    version = line.offering_version
    parameters = {item.name: item for item in get_kind(resource.kind).parameters(version)}
    results = _results(line)
    values = {}
    for name, template in line.wiring.items():
        if name not in parameters:
            raise WiringFailed(f"{name}: this is not asked any more")
        try:
            values[name] = parameters[name].clean_wired(filled_in(template, results))
        except ValueError as error:
            raise WiringFailed(f"{name}: {error}") from error
    return values


def _results(line: OrderLine) -> dict[Result, str]:
    """What the line takes of the parts that it needs."""
    wanted = {result for template in line.wiring.values() for result in results_in(template)}
    parts = Resource.objects.filter(order_line__needed_by__line=line).select_related("order_line")
    by_key = {part.order_line.part: part for part in parts if part.order_line}
    results = {}
    for key, name in wanted:
        part = by_key[key]
        results[key, name] = get_kind(part.kind).results[name](part)
        if not results[key, name]:
            raise WiringFailed(f"{part.name} has no {name}")
    return results
