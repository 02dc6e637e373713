"""Organizations and projects: one of them with its facts and people, and what changes those.

The list, moving and ending know what was ordered: ``catalog.views.tree``.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from portal.core.errors import DomainError
from portal.core.forms import RefusableForm
from portal.core.models import is_in_force
from portal.identity.facts import FactKind, NodeFact, Row, facts_of, holds, kinds_of, owner_of
from portal.identity.forms import (
    FACT_FORMS,
    OrganizationForm,
    OwnerForm,
    ProjectForm,
    answers_of,
    node_form,
)
from portal.identity.history import OF_NODES, history_of
from portal.identity.models import (
    NUMBERS,
    CostCentre,
    Node,
    NodeKind,
    RoleGrant,
    VatTreatmentPeriod,
)
from portal.identity.oidc.step_up import kept_input
from portal.identity.policies import (
    inspectable_nodes,
    may_administer,
    may_administer_from_above,
    may_move,
    possible_owners,
)
from portal.identity.requests import PersonRequest
from portal.identity.services import facts as fact_services
from portal.identity.services.tree import (
    add_organization,
    add_project,
    edit_organization,
    edit_project,
)
from portal.identity.views.nodes import get_changeable_node, get_node

MOST_PEOPLE: Final = 50
FACT_NAMES: Final[dict[FactKind, str | Promise]] = {
    FactKind.DATA_OWNER: gettext_lazy("Data owner"),
    FactKind.COST_CENTRE: gettext_lazy("Cost centre"),
    FactKind.VAT_TREATMENT: gettext_lazy("VAT treatment"),
    FactKind.PROJECT_OWNER: gettext_lazy("Project owner"),
}
FACT_HINTS: Final[dict[FactKind, str | Promise]] = {
    FactKind.DATA_OWNER: gettext_lazy(
        "The data owner answers for the data here and in everything below it."
    ),
    FactKind.COST_CENTRE: gettext_lazy(
        "Costs of this part and everything below it fall under this cost centre (kostenplaats)."
    ),
    FactKind.VAT_TREATMENT: gettext_lazy("How the costs of this organisation are taxed."),
    FactKind.PROJECT_OWNER: gettext_lazy("The project owner answers for the project."),
}
_SETTERS: Final[dict[FactKind, Callable[..., Row]]] = {
    FactKind.DATA_OWNER: fact_services.set_data_owner,
    FactKind.COST_CENTRE: fact_services.set_cost_centre,
    FactKind.VAT_TREATMENT: fact_services.set_vat_treatment,
    FactKind.PROJECT_OWNER: fact_services.set_project_owner,
}


@require_safe
def organization_detail(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """One organization or project: what it is, what holds there, who has a role, what happened."""
    node = get_node(request, public_id)
    moment = now()
    is_living = node.ended_at is None
    people = _people(node)
    context = {
        "node": node,
        "is_organization": node.kind == NodeKind.ORGANIZATION,
        "itself": _itself(node),
        "way_back": _way_back(request, node),
        "facts": [_fact(node, fact) for fact in facts_of(node, at=moment)],
        "children": node.children.filter(ended_at=None).order_by("kind", "name"),
        "parents": node.parent_history.select_related("parent").order_by("-valid_from", "-pk"),
        "people": people[:MOST_PEOPLE],
        "people_count": people.count(),
        "history": history_of([node.public_id], OF_NODES),
        "may_administer": is_living and may_administer(request.user, node),
        "may_set_vat": is_living and may_administer_from_above(request.user, node),
        "may_move": is_living and may_move(request.user, node),
    }
    return render(request, "identity/organizations/detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def organization_edit(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Change what a node is called, and its numbers or its description."""
    node = get_changeable_node(request, public_id)
    form = node_form(node)(_sent(request), initial=answers_of(node) | _kept(request))
    if isinstance(form, OrganizationForm) and not may_administer_from_above(request.user, node):
        form.leave_out_numbers()
    edit = edit_organization if node.kind == NodeKind.ORGANIZATION else edit_project

    def save(answers: dict[str, Any]) -> Node:
        return edit(public_id, actor=request.user, **answers)

    context = {"node": node, "title": _("Change"), "button": _("Save the changes")}
    context["hint"] = _hint(form)
    return _answer(request, form, save, context, _("The changes are saved."))


@require_http_methods(["GET", "HEAD", "POST"])
def organization_add(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Add an organization below this one."""
    return _add(request, public_id, OrganizationForm, add_organization, _("Add an organisation"))


@require_http_methods(["GET", "HEAD", "POST"])
def project_add(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Add a project below this organization."""
    return _add(request, public_id, ProjectForm, add_project, _("Add a project"))


def _add(
    request: PersonRequest,
    public_id: UUID,
    form_class: type[RefusableForm],
    service: Callable[..., Node],
    title: str,
) -> HttpResponse:
    parent = get_changeable_node(request, public_id)
    if parent.kind != NodeKind.ORGANIZATION:
        raise Http404

    def save(answers: dict[str, Any]) -> Node:
        return service(public_id, actor=request.user, **answers)

    form = form_class(_sent(request), initial=_kept(request))
    context = {"node": parent, "title": title, "button": title, "hint": _hint(form)}
    return _answer(request, form, save, context, _("It is added."))


@require_http_methods(["GET", "HEAD", "POST"])
def fact_set(request: PersonRequest, public_id: UUID, kind: FactKind) -> HttpResponse:
    """Say what holds from a day on: an owner, the cost centre, the VAT treatment."""
    is_vat = kind == FactKind.VAT_TREATMENT
    may = may_administer_from_above if is_vat else may_administer
    node = get_changeable_node(request, public_id, may)
    if kind not in kinds_of(node):
        raise Http404
    form = FACT_FORMS[kind](_sent(request), initial=_kept(request))
    if isinstance(form, OwnerForm):
        form.offer(possible_owners(node))

    def save(answers: dict[str, Any]) -> Node:
        _SETTERS[kind](public_id, actor=request.user, **answers)
        return node

    context = {
        "node": node,
        "title": FACT_NAMES[kind],
        "hint": FACT_HINTS[kind],
        "button": _("Save"),
    }
    return _answer(request, form, save, context, _("This is saved."))


def _answer(
    request: PersonRequest,
    form: RefusableForm,
    save: Callable[[dict[str, Any]], Node],
    context: dict[str, Any],
    done: str,
) -> HttpResponse:
    """Show the form; save what was sent, and show what came of it."""
    status = HTTPStatus.OK
    if request.method == "POST":
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        if form.is_valid():
            try:
                node = save(form.cleaned_data)
            except DomainError as refusal:
                form.show(refusal)
                status = HTTPStatus(refusal.http_status)
            else:
                messages.success(request, done)
                address = reverse("identity:organization", args=[node.public_id])
                return HttpResponseRedirect(address, status=HTTPStatus.SEE_OTHER)
    template = "identity/organizations/form.html"
    return render(request, template, {**context, "form": form}, status=status)


def _sent(request: PersonRequest) -> QueryDict | None:
    """What was filled in, which may be nothing; None when the form was not sent yet."""
    return request.POST if request.method == "POST" else None


def _hint(form: RefusableForm) -> str:
    """What who fills in the numbers of an organization should know first."""
    if not set(NUMBERS) & set(form.fields):
        return ""
    return _(
        "People log in with a number once whoever runs the platform has confirmed it. After a "
        "change it waits again."
    )


def _kept(request: PersonRequest) -> dict[str, Any]:
    """What was filled in before the person had to log in again."""
    kept = kept_input(request)
    return kept.dict() if kept else {}


def _way_back(request: PersonRequest, node: Node) -> list[tuple[str, str]]:
    """Label and address of the list, and of the organizations above that the person sees."""
    reached = inspectable_nodes(request.user).filter(pk__in=node.ancestor_ids)
    above = sorted(reached, key=lambda other: node.ancestor_ids.index(other.pk))
    return [
        (_("Organisations"), reverse("catalog:organizations")),
        *((one.name, reverse("identity:organization", args=[one.public_id])) for one in above),
    ]


def _itself(node: Node) -> Any:
    return node.organization if node.kind == NodeKind.ORGANIZATION else node.project


def _people(node: Node) -> QuerySet[RoleGrant]:
    """Who has a role here now, those from above included."""
    grants = RoleGrant.objects.filter(is_in_force(now()), node__in=node.lineage_ids)
    return grants.select_related("person", "node").order_by("role", "person__name", "pk")


def _fact(node: Node, fact: NodeFact) -> dict[str, Any]:
    """A fact as the page shows it."""
    moment = now()
    return {
        "kind": fact.kind,
        "name": FACT_NAMES[fact.kind],
        "url": reverse(f"identity:{fact.kind}-set", args=[node.public_id]),
        "words": _words(fact.current) if fact.current else "",
        "current": fact.current,
        "source": fact.source,
        "owner": owner_of(fact.current) if fact.current else None,
        "rows": [
            {
                "words": _words(row),
                "row": row,
                "holds": holds(row, moment),
                "is_planned": row.valid_from > moment and row.valid_until != row.valid_from,
                "never_held": row.valid_until == row.valid_from,
            }
            for row in fact.rows
        ],
    }


def _words(row: Row) -> str:
    if isinstance(row, CostCentre):
        return f"{row.code} {row.name}".rstrip()
    if isinstance(row, VatTreatmentPeriod):
        return row.get_treatment_display()
    return row.owner.name
