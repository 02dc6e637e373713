"""The refusals of the catalogue; those of quotas: ``catalog.quota_errors``."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from portal.core.errors import DomainError


class LineRefused(DomainError):
    """One of several lines is refused, and with it the whole order. ``refusal`` says why."""

    code = "line_refused"
    message = _("“{name}” is in the way, so nothing was ordered. {why}")

    def __init__(self, refusal: DomainError, *, position: int, name: str) -> None:
        self.refusal = refusal
        at = f"lines.{position}"
        field = f"{at}.{refusal.field}" if refusal.field else at
        super().__init__(field=field, name=name, why=str(refusal))

    @property
    def facts(self) -> dict[str, Any]:
        return self.refusal.facts


class CartChanged(DomainError):
    code = "cart_changed"
    message = _("Something was put in or taken out meanwhile. Look at it again, then send it.")


class InCartAlready(DomainError):
    code = "in_cart_already"
    message = _("It is in your cart already.")


class CartFull(DomainError):
    code = "cart_full"
    message = _("There are {most} things in it already. Send this order first.")


class SelfApproval(DomainError):
    code = "self_approval"
    http_status = 403
    message = _("You asked for this yourself. Somebody else must decide.")


class AlreadyDecided(DomainError):
    code = "already_decided"
    message = _("Somebody was first: this order is now “{state}”.")


class AnswerAwaited(DomainError):
    code = "answer_awaited"
    message = _("The requester has not answered yet what was asked. Until then nobody approves it.")


class AlreadyApproved(DomainError):
    code = "already_approved"
    http_status = 403
    message = _("You, or whom you replace, approved this already. Somebody else must be next.")


class EndDatePassed(DomainError):
    code = "end_date_passed"
    message = _("“{name}” was needed until {day} only. Refuse this; it can be asked for anew.")


class ApprovalAboveLimit(DomainError):
    code = "approval_above_limit"
    http_status = 403
    message = _(
        "You may approve up to {limit} in the first month, with what is paid once and the rest of "
        "a minimum term. Ask somebody with a higher limit."
    )


class CommentsFull(DomainError):
    code = "comments_full"
    message = _("There are {most} remarks under this order already. Call each other instead.")


class ReasonRequired(DomainError):
    code = "reason_required"
    http_status = 422
    message = _("Write down why you refuse. The requester reads this.")


class ConditionsChanged(DomainError):
    """Context: ``changes``: what got worse since submission, in words."""

    code = "conditions_changed"
    message = _("Something changed since this was asked: {changes}. Look again, then decide.")


class DifferenceSettled(DomainError):
    """Context: ``state``, as shown."""

    code = "difference_settled"
    message = _("This difference is “{state}” by now. Look at the list again.")


class RepairNotOffered(DomainError):
    code = "repair_not_offered"
    message = _("This cannot be repaired that way.")


class CannotBeTold(DomainError):
    code = "cannot_be_told"
    message = _(
        "The cloud does not tell what this holds or costs, so Cloudloket cannot adopt or remove it."
    )


class SecondOfShared(DomainError):
    code = "second_of_shared"
    message = _(
        "This is a second copy of what the project has once. The next delivery there removes it, "
        "so nobody should pay for it."
    )


class AdoptedAlready(DomainError):
    code = "adopted_already"
    message = _("Cloudloket knows this by now. Look at the list again.")


class StillInUse(DomainError):
    """Context: ``name`` of the resource that uses it."""

    code = "still_in_use"
    message = _("{name} uses this. Take it off there first.")


class NotOrdered(DomainError):
    code = "not_ordered"
    message = _("{name} was found in the cloud, not ordered, so an order cannot change it.")


class RepairSettled(DomainError):
    """Context: ``state``, as shown."""

    code = "repair_settled"
    message = _("Somebody was first: this repair is “{state}” by now.")


class OwnRepair(DomainError):
    code = "own_repair"
    http_status = 403
    message = _("You proposed this yourself. Another operator must decide.")


class LookedJustNow(DomainError):
    code = "looked_just_now"
    message = _("A comparison began less than a minute ago. Its result is on its way.")


class NameTaken(DomainError):
    code = "name_taken"
    http_status = 422
    message = _("“{name}” exists already in this project. Choose another name.")


class OfferingUnavailable(DomainError):
    code = "offering_unavailable"
    message = _("This can no longer be ordered. Choose something else in the catalogue.")


class OfferingNotReady(DomainError):
    """Context: ``problems``, in words. They stand in ``reasons`` one by one."""

    code = "offering_not_ready"
    http_status = 422
    message = _("This cannot be published yet: {problems}")

    def __init__(self, reasons: list[str]) -> None:
        self.reasons = reasons
        super().__init__(problems=" ".join(reasons))


class DraftExists(DomainError):
    code = "draft_exists"
    message = _("There is a draft of this offering already. Finish or drop that one first.")


class DraftWaits(DomainError):
    code = "draft_waits"
    message = _("This waits for a decision, so it cannot change. Take the proposal back first.")


class VersionSettled(DomainError):
    """Context: ``state``, as shown."""

    code = "version_settled"
    message = _("This version is “{state}” by now. Look at it again.")


class PublicationSettled(DomainError):
    """Context: ``state``, as shown."""

    code = "publication_settled"
    message = _("Somebody was first: this proposal is “{state}” by now.")


class OwnRule(DomainError):
    code = "own_rule"
    http_status = 403
    message = _("You proposed this yourself. A second person must decide.")


class RuleSettled(DomainError):
    """Context: ``state``, as shown."""

    code = "rule_settled"
    message = _("Somebody was first: this proposal is “{state}” by now.")


class RuleWaits(DomainError):
    code = "rule_waits"
    message = _("A proposal about this rule waits already. Decide on that one first.")


class OwnPublication(DomainError):
    code = "own_publication"
    http_status = 403
    message = _("You proposed this yourself. A second person must decide.")


class ConfirmationMismatch(DomainError):
    code = "confirmation_mismatch"
    http_status = 422
    message = _("Type the name “{name}” exactly, so that we are sure that you mean this one.")


class IdempotencyConflict(DomainError):
    code = "idempotency_conflict"
    http_status = 422
    message = _("This key was used before for another order. Use a new key.")


class ActionUnknown(DomainError):
    code = "action_unknown"
    http_status = 422
    message = _("This cannot be done to a thing of this kind.")


class ActionNotOffered(DomainError):
    code = "action_not_offered"
    message = _("“{action}” is not possible as it is now. Look at its state and choose again.")


class NotOnTrial(DomainError):
    code = "not_on_trial"
    message = _("There is nothing to confirm any more. Look at how it is now.")


class ResourceBusy(DomainError):
    code = "resource_busy"
    message = _("Something is being done to {name} already. Wait until that is ready.")


class ChangeWaits(DomainError):
    """Context: ``number`` of the order that is under way."""

    code = "change_waits"
    message = _("Order {number} changes this already. Wait until that one is done, or withdraw it.")


class NothingChanged(DomainError):
    code = "nothing_changed"
    http_status = 422
    message = _("Everything stays as it is. Choose something else, or another end date.")


class NotShorter(DomainError):
    code = "not_shorter"
    http_status = 422
    message = _("Only an earlier end date holds at once. For a later one you order a change.")


class ResourceProtected(DomainError):
    code = "resource_protected"
    message = _("{name} is protected, so it is not cleaned up. Switch protection off first.")


class ResourceNeeded(DomainError):
    """Context: ``name``, and ``others``: the names of what needs it."""

    code = "resource_needed"
    message = _("{name} is still needed by {others}. Clean that up first, or the whole at once.")


class SourceGone(DomainError):
    code = "source_gone"
    message = _("What was chosen for this does not run any more. Order it anew.")


class SourceChanged(DomainError):
    """Context: ``name``."""

    code = "source_changed"
    message = _("{name} is not what it was when this was ordered. Order it anew.")


class ProjectEnded(DomainError):
    code = "project_ended"
    message = _("“{name}” has ended. Nothing can be ordered there any more.")


class NodeInUse(DomainError):
    """What is in the way: ``catalog.services.tree.find_obstacles``."""

    code = "node_in_use"
    message = _("“{name}” cannot end yet: something still lives in it.")


class NotRepeatable(DomainError):
    code = "not_repeatable"
    message = _("It cannot be tried again from that step.")


class NotCancelable(DomainError):
    code = "not_cancelable"
    message = _("This cannot be stopped any more. What is being cleaned up, goes on.")


class OwnSolution(DomainError):
    code = "own_solution"
    http_status = 403
    message = _("You said yourself that this is solved. Another operator must confirm it.")


class SolutionSettled(DomainError):
    code = "solution_settled"
    message = _("Somebody was first: this is now “{state}”.")


class SolutionWaits(DomainError):
    code = "solution_waits"
    message = _("Somebody said already that this is solved. Another operator must confirm it.")


class SolverMayNot(DomainError):
    code = "solver_may_not"
    message = _("{name} is no operator here any more. Say yourself that this is solved.")


class NothingToCharge(DomainError):
    """Delivered by hand can only be what the portal can find again, to charge and to clean up."""

    code = "nothing_to_charge"
    message = _(
        "Cloudloket does not know {name} in the cloud, so it could not charge it or clean it up. "
        "Have the step tried again: what is there with its mark is taken over."
    )


class SecretUnreadable(DomainError):
    """Its encryption key is no longer configured; the secret itself is kept for when it is."""

    code = "secret_unreadable"
    message = _("This cannot be shown now. Try again later, or make a new one.")
