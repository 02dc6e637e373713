"""What was ordered as a whole: its parts with what waits for what, and cleaning it up as one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from catalog.amounts import amount_in_words
from catalog.kinds import get_kind
from catalog.models import (
    Assembly,
    Metric,
    Operation,
    OperationKind,
    OrderLine,
    QuotaClaimLine,
    Resource,
    ResourceState,
)
from catalog.policies import may_retire_in, visible_assemblies
from catalog.services.assemblies import living_parts, retire_assembly
from catalog.services.waiting import REMOVING_KINDS
from catalog.views.wording import RESOURCE_TONES, spec_in_words, tags_in_words
from portal.core.errors import DomainError
from portal.identity.models import Person
from portal.identity.oidc.step_up import kept_input
from portal.identity.requests import PersonRequest


@dataclass(frozen=True, kw_only=True)
class PartRow:
    """One part: ``resource`` is None before the approval.

    ``begins_after`` names what must run before it is made; nothing once it was.
    """

    line: OrderLine
    icon: str
    resource: Resource | None
    tone: str
    begins_after: list[str]


@dataclass(frozen=True, kw_only=True)
class Whole:
    """Something ordered as a whole, as a page shows it; ``words``: what was answered."""

    assembly: Assembly
    words: list[tuple[str, str]]
    rows: list[PartRow]
    may_retire: bool

    @property
    def monthly_price(self) -> Decimal:
        return sum((row.line.monthly_price for row in self.rows), Decimal(0))

    @property
    def one_off_price(self) -> Decimal:
        return sum((row.line.one_off_price for row in self.rows), Decimal(0))


def wholes_of(person: Person, lines: Sequence[OrderLine]) -> list[Whole]:
    """The wholes among the lines of one order; uses ``assembly`` and ``needs`` of each."""
    names = {line.pk: line.name for line in lines}
    by_assembly: defaultdict[int, list[OrderLine]] = defaultdict(list)
    for line in lines:
        if line.assembly_id is not None:
            by_assembly[line.assembly_id].append(line)
    return [_whole(person, parts, names) for parts in by_assembly.values()]


def _whole(person: Person, lines: list[OrderLine], names: dict[int, str]) -> Whole:
    assembly = lines[0].assembly
    if assembly is None:
        raise ValueError("these lines are no parts")
    rows = [_row(line, [names[need.needed_id] for need in line.needs.all()]) for line in lines]
    living = [row.resource for row in rows if row.resource is not None]
    return Whole(
        assembly=assembly,
        words=[
            *spec_in_words(assembly.offering_version, assembly.spec),
            *tags_in_words(lines[0].tags),
        ],
        rows=rows,
        may_retire=lines[0].order.is_settled
        and any(part.state == ResourceState.ACTIVE for part in living)
        and may_retire_in(person, lines[0].order.project),
    )


def _row(line: OrderLine, needs: list[str]) -> PartRow:
    resource = getattr(line, "resource", None)
    is_to_make = resource is None or resource.state == ResourceState.PROVISIONING
    return PartRow(
        line=line,
        icon=get_kind(line.offering_version.offering.kind).icon,
        resource=resource,
        tone=RESOURCE_TONES[resource.state] if resource else "neutral",
        begins_after=needs if is_to_make else [],
    )


def waits_for(operation: Operation, line: OrderLine, lines: Iterable[OrderLine]) -> list[str]:
    """Names of the parts that must run, or be gone, before the operation may begin."""
    by_key = {item.pk: item for item in lines}
    if operation.kind == OperationKind.PROVISION:
        others = [by_key[need.needed_id] for need in line.needs.all()]
        wanted = ResourceState.ACTIVE
    elif operation.kind in REMOVING_KINDS:
        others = [
            item
            for item in by_key.values()
            if any(need.needed_id == line.pk for need in item.needs.all())
        ]
        wanted = ResourceState.RETIRED
    else:
        return []
    states = {item.name: getattr(item, "resource", None) for item in others}
    return [name for name, found in states.items() if found and found.state != wanted]


@require_http_methods(["GET", "HEAD", "POST"])
def assembly_retire(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Ask for the name of the whole, and begin to clean up everything that it is made of."""
    assemblies = visible_assemblies(request.user).select_related(
        "order__project__parent", "offering_version"
    )
    assembly = get_object_or_404(assemblies, public_id=public_id)
    if not may_retire_in(request.user, assembly.order.project):
        raise PermissionDenied
    order = reverse("catalog:order", args=[assembly.order.public_id])
    if request.method == "POST":
        confirmation = request.POST.get("confirmation", "")
        try:
            retire_assembly(public_id, actor=request.user, confirmation=confirmation)
        except DomainError as error:
            return _ask(request, assembly, confirmation, error)
        messages.success(request, _("We clean up {name}.").format(name=assembly.name))
        return HttpResponseRedirect(order, status=HTTPStatus.SEE_OTHER)
    if all(part.state != ResourceState.ACTIVE for part in living_parts(assembly)):
        return redirect(order)
    address = reverse("catalog:assembly-retire", args=[public_id])
    kept = kept_input(request, address) or QueryDict()
    return _ask(request, assembly, kept.get("confirmation", ""))


def _ask(
    request: PersonRequest,
    assembly: Assembly,
    confirmation: str,
    error: DomainError | None = None,
) -> HttpResponse:
    parts = living_parts(assembly)
    context: dict[str, Any] = {
        "assembly": assembly,
        "parts": [
            (get_kind(part.kind).icon, part, get_kind(part.kind).summary(part.spec))
            for part in parts
        ],
        "freed": _freed(assembly, parts),
        "confirmation": confirmation,
        "error": error,
    }
    status = error.http_status if error else HTTPStatus.OK
    return render(request, "catalog/assemblies/retire.html", context, status=status)


def _freed(assembly: Assembly, parts: list[Resource]) -> list[tuple[str, str]]:
    """Which quota of the project comes free, in words."""
    held: defaultdict[str, Decimal] = defaultdict(Decimal)
    lines = QuotaClaimLine.objects.filter(
        claim__resource__in=parts, quota__node=assembly.order.project_id
    )
    for metric, amount in lines.values_list("quota__metric", "amount"):
        held[metric] += amount
    return [
        (str(metric.label), amount_in_words(metric, held[metric.value]))
        for metric in Metric
        if held.get(metric.value)
    ]
