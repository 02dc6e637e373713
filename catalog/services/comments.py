"""Asking and telling under an order, until nothing about it will change any more."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from catalog.errors import CommentsFull, SelfApproval
from catalog.models import COMMENT_LENGTH, Order, OrderComment, OrderState
from catalog.services.order_states import move_order_to
from portal.audit.services import record
from portal.core.errors import InvalidInput, NotAllowed
from portal.core.locks import lock_tree_shared
from portal.core.states import IllegalTransition
from portal.core.text import clean_text
from portal.identity.access import absent_ids, has_role
from portal.identity.models import Person, Role

MOST_COMMENTS: Final = 200  # under one order; they are all shown


@transaction.atomic(durable=True)
def comment_on_order(public_id: UUID, *, author: Person, text: str) -> OrderComment:
    """Say something about an order; what its requester says is the answer to what was asked.

    With the answer the order waits for a decision again. Who asked may have heard it in another
    way, or need it no longer: what they say then will do as well.

    Raises:
        InvalidInput: the text is empty, too long, or holds what cannot be shown.
        NotAllowed: the author neither orders, decides nor repairs in its project.
        IllegalTransition: nothing about the order will change any more.
        CommentsFull: there are too many.
    """
    text = clean_comment(text)
    order = _lock(public_id)
    if not has_role(author, order.project, Role.REQUESTER, Role.APPROVER, Role.OPERATOR):
        raise NotAllowed()
    if order.is_settled:
        raise IllegalTransition(state=order.get_state_display())
    settles_question = order.state == OrderState.NEEDS_INFORMATION and author.pk in {
        order.requested_by_id,
        _who_asked_last(order),
    }
    comment = _write(order, author, text, most=MOST_COMMENTS + settles_question)
    event = "order.commented"
    if settles_question:
        move_order_to(order, OrderState.PENDING_APPROVAL)
        event = "order.question_answered"
    record(event, order, actor=author, node_id=order.project_id)
    return comment


@transaction.atomic(durable=True)
def ask_about_order(public_id: UUID, *, author: Person, text: str) -> OrderComment:
    """Ask the requester something before deciding: the order waits for the answer.

    Its quota stays reserved, and its time to decide runs on.

    Raises:
        InvalidInput, CommentsFull: as in ``comment_on_order``.
        SelfApproval: the author asked for it, or stands in for who did.
        NotAllowed: the author does not decide on it, where it waits now.
        IllegalTransition: it was decided on, has expired or was taken back.
    """
    text = clean_comment(text)
    order = _lock(public_id)
    if order.requested_by_id in {author.pk, *absent_ids(author)}:
        raise SelfApproval()
    if not has_role(author, order.waits_for or order.project, Role.APPROVER):
        raise NotAllowed()
    if not order.is_undecided:
        raise IllegalTransition(state=order.get_state_display())
    comment = _write(order, author, text, most=MOST_COMMENTS, is_question=True)
    if order.state == OrderState.PENDING_APPROVAL:
        move_order_to(order, OrderState.NEEDS_INFORMATION)
    record("order.question_asked", order, actor=author, node_id=order.project_id)
    return comment


def _lock(public_id: UUID) -> Order:
    lock_tree_shared()
    orders = Order.objects.select_for_update(of=("self",)).select_related("project", "waits_for")
    return orders.get(public_id=public_id)


def _who_asked_last(order: Order) -> int:
    questions = OrderComment.objects.filter(order=order, is_question=True)
    return questions.order_by("pk").values_list("author_id", flat=True).reverse()[0]


def clean_comment(text: str) -> str:
    """Return the text as it is kept.

    Raises:
        InvalidInput: it is empty, too long, or holds what cannot be shown.
    """
    try:
        cleaned = clean_text(text, max_length=COMMENT_LENGTH, multiline=True)
    except ValueError as error:
        raise InvalidInput({"text": [str(error)]}) from error
    if not cleaned:
        raise InvalidInput({"text": [_("Fill this in.")]})
    return cleaned


def _write(
    order: Order, author: Person, text: str, *, most: int, is_question: bool = False
) -> OrderComment:
    """Write it down, where there are fewer than ``most``: a question never bars its answer."""
    if OrderComment.objects.filter(order=order).count() >= most:
        raise CommentsFull(most=MOST_COMMENTS)
    return OrderComment.objects.create(
        order=order, author=author, text=text, is_question=is_question, written_at=now()
    )
