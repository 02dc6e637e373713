"""Rules about who approves: one quota administrator proposes what a rule says, another decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Final, TypeVar
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from catalog.errors import OwnRule, ReasonRequired, RuleSettled, RuleWaits
from catalog.kinds import orderable_kinds
from catalog.models import (
    RULE_NAME_LENGTH,
    ApprovalRule,
    ApprovalRuleVersion,
    Offering,
    OfferingVersion,
)
from catalog.offering_policies import nameable_versions, newest_versions
from portal.audit.services import record, record_refusal
from portal.core.errors import InvalidInput, NotAllowed
from portal.core.locks import lock_tree_shared
from portal.core.text import clean_text
from portal.identity.access import has_role
from portal.identity.four_eyes import check_other_humans
from portal.identity.models import Node, Person, Role
from portal.identity.models.proposed import DECISION_LENGTH, DecisionState
from portal.identity.sensitive import sensitive
from portal.identity.services.roles import refuse_emergency_access

MOST_PEOPLE: Final = 5  # of each step
LARGEST_AMOUNT: Final = Decimal(10_000_000)
GOVERNS: Final = Role.QUOTA_ADMINISTRATOR
Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True)
class RuleSays:
    """What a rule shall say; the conditions are those of ``catalog.approval_rules.Rule``.

    ``offering``: the public id of one.
    """

    amount_from: Decimal = Decimal(0)
    kinds: tuple[str, ...] = ()
    offering: UUID | None = None
    protection_level: int | None = None
    personal_data: bool = False
    automatic_below: Decimal | None = None
    people_of_project: int = 1
    people_of_node: int = 0
    ends_rule: bool = False


def offerings_to_name(actor: Person, rule: ApprovalRule | None = None) -> list[OfferingVersion]:
    """One version of each offering that the actor may let a rule name.

    Also what this rule named before, though it may no longer exist for the actor.
    """
    versions = list(nameable_versions(actor))
    if rule is None:
        return versions
    kept = Offering.objects.filter(rule_versions__rule=rule)
    others = kept.exclude(pk__in=[version.offering_id for version in versions])
    return versions + list(newest_versions(OfferingVersion.objects.filter(offering__in=others)))


def propose_rule(*, node: Node, name: str, says: RuleSays, actor: Person) -> ApprovalRuleVersion:
    """Propose a new rule for the node and everything below it.

    Raises:
        NotAllowed: the actor does not govern there, or came by emergency access.
        InvalidInput: something is not right in a field.
    """
    cleaned = _clean_name(name)
    _check_says(says)
    return _propose_rule(node, cleaned, says, actor)


@transaction.atomic(durable=True)
def _propose_rule(node: Node, name: str, says: RuleSays, actor: Person) -> ApprovalRuleVersion:
    lock_tree_shared()
    _check_governs(actor, node)
    rule = ApprovalRule.objects.create(node=node, name=name)
    return _write_version(rule, 1, says, actor)


def propose_version(public_id: UUID, *, says: RuleSays, actor: Person) -> ApprovalRuleVersion:
    """Propose that a rule say something else, or nothing any more (``ends_rule``).

    Raises:
        RuleWaits: another proposal about it waits already.
        NotAllowed, InvalidInput: as in ``propose_rule``.
    """
    _check_says(says)
    return _propose_version(public_id, says, actor)


@transaction.atomic(durable=True)
def _propose_version(public_id: UUID, says: RuleSays, actor: Person) -> ApprovalRuleVersion:
    rule = _lock_rule(public_id)
    _check_governs(actor, rule.node)
    if rule.versions.filter(state=DecisionState.PROPOSED).exists():
        raise RuleWaits()
    number = rule.versions.count() + 1
    return _write_version(rule, number, says, actor)


@sensitive("approval_rule.confirm")
def confirm_version(public_id: UUID, *, actor: Person) -> ApprovalRuleVersion:
    """Agree with a proposal: from now on the rule says that about what is ordered.

    Raises:
        OwnRule, SameHuman: the actor proposed it, or may have, with another login.
        NotAllowed: the actor does not govern there, or came by emergency access.
        RuleSettled: somebody was first.
    """
    return _deciding(public_id, actor, lambda: _confirm(public_id, actor))


@sensitive("approval_rule.refuse")
def refuse_version(public_id: UUID, *, actor: Person, reason: str) -> ApprovalRuleVersion:
    """Disagree, with a reason that the proposer reads.

    Raises:
        ReasonRequired, InvalidInput: about the reason.
        OwnRule, SameHuman, NotAllowed, RuleSettled: as in ``confirm_version``.
    """
    because = _clean_reason(reason)
    return _deciding(public_id, actor, lambda: _refuse(public_id, actor, because))


@transaction.atomic(durable=True)
def take_back_version(public_id: UUID, *, actor: Person) -> ApprovalRuleVersion:
    """Take one's own proposal back.

    Raises:
        NotAllowed: somebody else proposed it.
        RuleSettled: somebody decided already.
    """
    version = _lock_waiting(public_id)
    if version.proposed_by_id != actor.pk:
        raise NotAllowed()
    _settle(version, DecisionState.WITHDRAWN, actor)
    _tell("approval_rule.taken_back", version, actor)
    return version


def _deciding(public_id: UUID, actor: Person, decide: Callable[[], Answer]) -> Answer:
    """Decide, and write a refused attempt down."""
    try:
        return decide()
    except (OwnRule, NotAllowed) as refusal:
        version = ApprovalRuleVersion.objects.select_related("rule").get(public_id=public_id)
        record_refusal(
            "approval_rule.decision_refused",
            version.rule,
            actor=actor,
            node_id=version.rule.node_id,
            code=refusal.code,
        )
        raise


@transaction.atomic(durable=True)
def _confirm(public_id: UUID, actor: Person) -> ApprovalRuleVersion:
    version = _lock_for_decision(public_id, actor)
    in_force = version.rule.versions.filter(state=DecisionState.CONFIRMED, ended_at=None)
    in_force.update(ended_at=now())
    _settle(version, DecisionState.CONFIRMED, actor)
    _tell("approval_rule.confirmed", version, actor)
    return version


@transaction.atomic(durable=True)
def _refuse(public_id: UUID, actor: Person, reason: str) -> ApprovalRuleVersion:
    version = _lock_for_decision(public_id, actor)
    version.decision_reason = reason
    _settle(version, DecisionState.REFUSED, actor)
    _tell("approval_rule.refused", version, actor)
    return version


def _lock_for_decision(public_id: UUID, actor: Person) -> ApprovalRuleVersion:
    version = _lock_waiting(public_id)
    if version.proposed_by_id == actor.pk:
        raise OwnRule()
    check_other_humans([version.proposed_by_id], [actor.pk])
    _check_governs(actor, version.rule.node)
    return version


def _lock_waiting(public_id: UUID) -> ApprovalRuleVersion:
    """Lock the rule, and then what was proposed for it."""
    found = ApprovalRuleVersion.objects.select_related("rule").get(public_id=public_id)
    rule = _lock_rule(found.rule.public_id)
    version = ApprovalRuleVersion.objects.select_for_update().get(pk=found.pk)
    version.rule = rule
    if version.state != DecisionState.PROPOSED:
        raise RuleSettled(state=version.get_state_display())
    return version


def _lock_rule(public_id: UUID) -> ApprovalRule:
    lock_tree_shared()
    rules = ApprovalRule.objects.select_for_update(of=("self",)).select_related("node")
    return rules.get(public_id=public_id)


def _check_governs(actor: Person, node: Node) -> None:
    if not has_role(actor, node, GOVERNS):
        raise NotAllowed()
    refuse_emergency_access(actor)


def _write_version(
    rule: ApprovalRule, number: int, says: RuleSays, actor: Person
) -> ApprovalRuleVersion:
    offering = _find_offering(rule, says, actor)
    version = ApprovalRuleVersion.objects.create(
        rule=rule,
        number=number,
        proposed_by=actor,
        proposed_at=now(),
        **{**asdict(says), "kinds": sorted(says.kinds), "offering": offering},
    )
    _tell("approval_rule.proposed", version, actor)
    return version


def _find_offering(rule: ApprovalRule, says: RuleSays, actor: Person) -> Offering | None:
    if says.offering is None:
        return None
    offerings = [version.offering for version in offerings_to_name(actor, rule)]
    named = next((each for each in offerings if each.public_id == says.offering), None)
    if named is None:
        raise InvalidInput({"offering": [_("Choose from these.")]})
    return named


def _settle(version: ApprovalRuleVersion, state: DecisionState, actor: Person) -> None:
    version.state, version.decided_by, version.decided_at = state, actor, now()
    version.save(update_fields=["state", "decided_by", "decided_at", "decision_reason"])


def _tell(event: str, version: ApprovalRuleVersion, actor: Person) -> None:
    record(
        event,
        version.rule,
        actor=actor,
        node_id=version.rule.node_id,
        data={"version": str(version.public_id), "number": version.number},
    )


def _check_says(says: RuleSays) -> None:
    """Raise InvalidInput with everything in it that cannot be."""
    errors: dict[str, list[str]] = {}
    amounts = {"amount_from": says.amount_from, "automatic_below": says.automatic_below}
    for name, amount in amounts.items():
        lowest = Decimal("0.01") if name == "automatic_below" else Decimal(0)
        if amount is not None and not lowest <= amount <= LARGEST_AMOUNT:
            errors[name] = [_("Fill in an amount in euros, such as 250.")]
    if not set(says.kinds) <= {kind.key for kind in orderable_kinds()}:
        errors["kinds"] = [_("Choose from these.")]
    if says.offering and says.kinds:
        errors["offering"] = [_("Choose kinds or 1 offering, not both.")]
    if says.protection_level not in {None, 1, 2, 3, 4}:
        errors["protection_level"] = [_("Choose from these.")]
    people = {"people_of_project": says.people_of_project, "people_of_node": says.people_of_node}
    for name, count in people.items():
        if not 0 <= count <= MOST_PEOPLE:
            errors[name] = [_("Choose 0 to {most}.").format(most=MOST_PEOPLE)]
    if not sum(people.values()):
        errors["people_of_project"] = [_("At least 1 person must be able to decide.")]
    if errors:
        raise InvalidInput(errors)


def _clean_name(name: str) -> str:
    return _clean("name", name, RULE_NAME_LENGTH)


def _clean_reason(reason: str) -> str:
    if not reason.strip():
        raise ReasonRequired(field="reason")
    return _clean("reason", reason, DECISION_LENGTH)


def _clean(field: str, text: str, most: int) -> str:
    try:
        cleaned = clean_text(text, max_length=most)
    except ValueError as error:
        raise InvalidInput({field: [str(error)]}) from error
    if not cleaned:
        raise InvalidInput({field: [_("Fill this in.")]})
    return cleaned
