"""The refusals of the tree, of roles and of people."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from portal.core.errors import DomainError, NotAllowed


class NodeEnded(DomainError):
    code = "node_ended"
    message = _("“{name}” has ended. Nothing changes there any more.")


class AboutYourself(DomainError):
    code = "about_yourself"
    http_status = 403
    message = _("This is about yourself. Somebody else must do it.")


class OwnProposal(DomainError):
    code = "own_proposal"
    http_status = 403
    message = _("You proposed this yourself. Somebody else must decide.")


class EmergencyDecidesNothing(NotAllowed):
    """Who uses emergency access may be one of the two already."""

    code = "emergency_decides_nothing"
    message = _(
        "With emergency access you do not propose or judge what others may do. "
        "Two colleagues do that, each with their own login."
    )


class AlreadyProposed(DomainError):
    code = "already_proposed"
    message = _("This role was proposed already and waits for a decision.")


class ProposalSettled(DomainError):
    code = "proposal_settled"
    message = _("Somebody was first: this proposal is now “{state}”.")


class ProposerMayNot(DomainError):
    code = "proposer_may_not"
    message = _("{name} may not propose roles here any more. Somebody else must propose it.")


class PersonElsewhere(DomainError):
    code = "person_elsewhere"
    message = _("{name} does not belong to this organization any more.")


class RefusalNeedsReason(DomainError):
    code = "reason_required"
    http_status = 422
    message = _("Write down why.")


class RoleHasEnded(DomainError):
    code = "role_has_ended"
    message = _("This role has ended already.")


class BarLifted(DomainError):
    code = "bar_lifted"
    message = _("Somebody was first: the provider may give this role again.")


class PersonHasLeft(DomainError):
    code = "person_has_left"
    message = _("{name} has no access to the portal any more.")


class PersonIsActive(DomainError):
    code = "person_is_active"
    message = _("{name} has access to the portal.")


class PersonJoined(DomainError):
    code = "person_joined"
    message = _("{name} is another login of {other} already.")


class HasMoreLogins(DomainError):
    code = "has_more_logins"
    message = _(
        "{name} has more than one login already. Link the other way round, or undo that link first."
    )


class LoginConfined(DomainError):
    code = "login_confined"
    message = _(
        "The login of {name} counts for one organization only, and {other} has access elsewhere: "
        "linked, it would be refused. End that access first."
    )


class LinkProposed(DomainError):
    code = "link_proposed"
    message = _("Something about this login was proposed already and waits for a decision.")


class LoginElsewhere(DomainError):
    code = "login_elsewhere"
    message = _("The login does not belong to {name} any more.")


class LinkerMayNot(DomainError):
    code = "linker_may_not"
    message = _("{name} may not propose this any more. Somebody else must propose it.")


class RightsComeAlong(NotAllowed):
    code = "rights_come_along"
    message = _(
        "{names} would get special rights here by this move. Somebody must do it who administers "
        "both places from above."
    )


class DeputyHasEnded(DomainError):
    code = "deputy_has_ended"
    message = _("This replacement has ended already.")


class DeputyNamed(DomainError):
    code = "deputy_named"
    message = _("{name} is the deputy in these days already.")
