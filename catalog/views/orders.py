"""Orders: the list, one order with its progress, and taking it back."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Prefetch, QuerySet
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from catalog.forms import CommentForm
from catalog.models import (
    Operation,
    OperationKind,
    OperationState,
    Order,
    OrderLine,
    OrderState,
)
from catalog.policies import (
    may_comment,
    may_copy_to_cart,
    may_decide,
    may_order_again,
    may_repair,
    may_withdraw,
    orders_to_answer,
    visible_orders,
)
from catalog.services.comments import comment_on_order
from catalog.services.orders import withdraw_order
from catalog.views.assemblies import waits_for, wholes_of
from catalog.views.comments import begun_form, comments_of
from catalog.views.history import history_of
from catalog.views.progress import LOOK_AGAIN_SECONDS, Progress, latest_operation, progress_of
from catalog.views.rule_wording import waiting_in_words
from catalog.views.wording import ORDER_TONES, change_in_words, spec_in_words, tags_in_words
from portal.core.errors import DomainError
from portal.identity.access import has_role
from portal.identity.history import HistoryLine
from portal.identity.models import Role
from portal.identity.requests import PersonRequest

PAGE_SIZE = 25
DELIVERING_KINDS: Final = frozenset(
    {OperationKind.PROVISION.value, OperationKind.ACT.value, OperationKind.COMPENSATE.value}
)


@require_safe
def order_list(request: PersonRequest) -> HttpResponse:
    """The orders that the person reaches, newest first, by state."""
    orders = visible_orders(request.user).select_related("project", "requested_by")
    state = request.GET.get("state", "")
    if state in OrderState.values:
        orders = orders.filter(state=state)
    lines = OrderLine.objects.select_related("offering_version__offering", "assembly")
    page = Paginator(
        orders.prefetch_related(Prefetch("lines", lines)).order_by("-submitted_at"), PAGE_SIZE
    ).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": [(order, ORDER_TONES[order.state]) for order in page],
        "states": OrderState.choices,
        "state": state,
    }
    return render(request, "catalog/orders/list.html", context)


@require_safe
def order_detail(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """One order. The page polls its own address while something moves, and keeps the panel."""
    order = get_object_or_404(_with_everything(request), public_id=public_id)
    return render_order(request, order)


@require_POST
def order_withdraw(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Take the order back, as long as nobody decided."""
    order = get_object_or_404(_with_everything(request), public_id=public_id)
    try:
        withdraw_order(order.public_id, actor=request.user)
    except DomainError as error:
        fresh = get_object_or_404(_with_everything(request), public_id=public_id)
        return render_order(request, fresh, error=error)
    messages.success(request, _("The order is withdrawn. Nothing was made, nothing is charged."))
    return redirect("catalog:order", public_id=public_id)


@require_POST
def order_comment(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Say something about the order, or answer what the approver asked."""
    order = get_object_or_404(_with_everything(request), public_id=public_id)
    form = CommentForm(request.POST)
    if may_comment(request.user, order) and not form.is_valid():
        return render_order(request, order, comment_form=form)
    try:
        comment_on_order(order.public_id, author=request.user, text=form.data.get("text", ""))
    except DomainError as error:
        fresh = get_object_or_404(_with_everything(request), public_id=public_id)
        return render_order(request, fresh, error=error)
    address = reverse("catalog:order", args=[public_id])
    return HttpResponseRedirect(f"{address}#comments", status=HTTPStatus.SEE_OTHER)


def render_order(
    request: PersonRequest,
    order: Order,
    *,
    error: DomainError | None = None,
    comment_form: CommentForm | None = None,
) -> HttpResponse:
    """The page of one order, with what was refused on top."""
    wholes = wholes_of(request.user, list(order.lines.all()))
    lines = [(line, _in_words(line)) for line in order.lines.all() if line.assembly_id is None]
    is_several = len(wholes) + len(lines) > 1
    progress = _progress(order)
    context = {
        "order": order,
        "waits": waiting_in_words(order) if order.is_undecided else "",
        "is_asked": order.state == OrderState.NEEDS_INFORMATION,
        "is_to_answer": orders_to_answer(request.user).filter(pk=order.pk).exists(),
        "tone": ORDER_TONES[order.state],
        "lines": lines,
        "wholes": wholes,
        "progress": progress,
        "parts_summary": _parts_in_words(progress),
        "poll_seconds": _poll_seconds(order, progress),
        "history": _history(order),
        "approvals": order.approvals.select_related("approver").order_by("decided_at"),
        "error": error,
        "comments": comments_of(order),
        "may_comment": may_comment(request.user, order),
        "comment_form": comment_form
        or begun_form(request, CommentForm, "catalog:order-comment", order),
        "may_withdraw": may_withdraw(request.user, order),
        "may_decide": may_decide(request.user, order),
        "may_order_again": may_order_again(request.user, order),
        "is_several": is_several,
        "may_copy_to_cart": is_several and may_copy_to_cart(request.user, order),
        "may_repair": any(may_repair(request.user, item.operation.resource) for item in progress),
        "is_operator": has_role(request.user, order.project, Role.OPERATOR),
    }
    status = error.http_status if error else HTTPStatus.OK
    if comment_form:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    return render(request, "catalog/orders/detail.html", context, status=status)


def _in_words(line: OrderLine) -> list[Any]:
    """What is asked: question and answer, or of a change what becomes otherwise."""
    if line.changes_id is not None:
        return list(change_in_words(line))
    return [*spec_in_words(line.offering_version, line.spec), *tags_in_words(line.tags)]


def _with_everything(request: PersonRequest) -> QuerySet[Order]:
    work = Operation.objects.select_related("resource__project").prefetch_related("steps")
    return (
        visible_orders(request.user)
        .select_related("project__parent", "requested_by", "waits_for")
        .prefetch_related(
            "lines__offering_version__offering",
            "lines__offering_version__cloud",
            "lines__placement",
            "lines__resource__operations__steps",
            "lines__resource__project",
            "lines__changes",
            "lines__assembly__offering_version__offering",
            "lines__assembly__offering_version__cloud",
            "lines__needs",
            Prefetch("lines__operations", work),
        )
    )


def _poll_seconds(order: Order, progress: Sequence[Progress]) -> int:
    """After how long to look again; 0 when nothing changes by itself."""
    is_under_way = order.state == OrderState.PROVISIONING and progress
    return min(
        (item.poll_seconds for item in progress if item.poll_seconds),
        default=LOOK_AGAIN_SECONDS if is_under_way else 0,
    )


def _parts_in_words(progress: Sequence[Progress]) -> str:
    """How many of the things are done, in one sentence for all of them."""
    states = [item.operation.state for item in progress]
    counts = {
        "done": states.count(OperationState.SUCCEEDED),
        "total": len(states),
        "failed": states.count(OperationState.FAILED),
    }
    if counts["failed"]:
        return _("{done} of {total} parts done, {failed} failed").format(**counts)
    return _("{done} of {total} parts done").format(**counts)


def _progress(order: Order) -> list[Progress]:
    """One list of steps per line that was begun: the newest operation for it."""
    lines = list(order.lines.all())
    newest = [(line, latest_operation(_work_on(line))) for line in lines]
    return [
        progress_of(operation, waits_for=waits_for(operation, line, lines))
        for line, operation in newest
        if operation
    ]


def _work_on(line: OrderLine) -> list[Operation]:
    """What was done for a line: a delivery and its undoing, or a change and its undoing.

    Of a part of a whole its cleaning up as well: that is followed here too.
    """
    resource = getattr(line, "resource", None)
    if resource is None:
        return list(line.operations.all())
    kinds = (
        {*DELIVERING_KINDS, OperationKind.RETIRE.value} if line.assembly_id else DELIVERING_KINDS
    )
    return [item for item in resource.operations.all() if item.kind in kinds]


def _history(order: Order) -> list[HistoryLine]:
    """Who did what with the order and its lines; each line named where there are several."""
    lines = list(order.lines.all())
    names: dict[UUID, str] = {}
    for line in lines:
        resource = getattr(line, "resource", None)
        work = resource.operations.all() if resource else line.operations.all()
        subjects = [resource.public_id] if resource else []
        subjects += [operation.public_id for operation in work]
        names |= dict.fromkeys(subjects, line.name)
    return history_of([order.public_id, *names], names=names if len(lines) > 1 else {})
