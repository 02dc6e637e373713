"""Asking for a deputy for somebody else. It is decided on as a role is: ``proposals``.

Locks: tree (shared), then both people by primary key, then the audit head.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db import transaction

from portal.core.errors import NotAllowed
from portal.core.locks import lock_tree_shared
from portal.identity.errors import AboutYourself
from portal.identity.four_eyes import check_other_humans
from portal.identity.models import Person, Role, RoleProposal
from portal.identity.role_policies import approved_nodes, may_propose_deputy
from portal.identity.services.deputies import (
    LONGEST_TERM,
    check_deputy,
    lock_both,
    record_refused_appointing,
)
from portal.identity.services.input import clean_period, clean_reason
from portal.identity.services.proposals import begin_proposal
from portal.identity.services.roles import refuse_emergency_access


@dataclass(frozen=True, kw_only=True)
class WantedDeputy:
    """Who should decide in the place of ``absent``, from the first up to and including the last
    day."""

    absent: Person
    deputy: Person
    first_day: date
    last_day: date
    reason: str


def propose_deputy(wanted: WantedDeputy, *, actor: Person) -> RoleProposal:
    """Ask for a deputy for somebody else; they themselves or another administrator decide.

    Raises:
        AboutYourself, NotAllowed, SameHuman: the actor may not propose this; nor emergency access.
        InvalidInput: with a message by field.
        AlreadyProposed: it waits already.
    """
    try:
        return _propose_deputy(wanted, actor)
    except (AboutYourself, NotAllowed) as refusal:
        record_refused_appointing(wanted.absent, actor, refusal)
        raise


@transaction.atomic(durable=True)
def _propose_deputy(wanted: WantedDeputy, actor: Person) -> RoleProposal:
    lock_tree_shared()
    absent, deputy = lock_both(wanted.absent.pk, wanted.deputy.pk)
    refuse_emergency_access(actor)
    if deputy.pk == actor.pk:
        raise AboutYourself()
    check_other_humans([deputy.pk], [actor.pk, absent.pk])
    if not may_propose_deputy(actor, absent):
        raise NotAllowed()
    check_deputy(absent, deputy)
    reason = clean_reason(wanted.reason)
    period = clean_period(wanted.first_day, wanted.last_day, longest=LONGEST_TERM)
    node = approved_nodes(absent)[0]
    proposal = RoleProposal(person=deputy, absent=absent, node=node, role=Role.APPROVER)
    return begin_proposal(proposal, period, reason, actor, field="deputy")
