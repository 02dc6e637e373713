"""Why somebody could not be logged in. Each is a page that says what to do, never a 500."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from portal.core.errors import DomainError

TRY_AGAIN = _("Try again. Does it keep going wrong? Call the help desk.")
ASK_ADMINISTRATOR = _("Ask your quota administrator for access, or choose another account.")


class LoginFailure(DomainError):
    """A login that did not happen.

    ``advice`` is the sentence after the message: what the person can do. ``reason`` is for the
    log and must never hold a token, a code or a claim's value. ``reference`` is what the person
    can mention to who must help; empty when there is nothing to mention.
    """

    code = "login_failed"
    http_status = 400
    message = _("You are not logged in.")
    advice: ClassVar[str | Promise] = TRY_AGAIN

    def __init__(self, reason: str = "", *, reference: str = "", **context: Any) -> None:
        self.reason = reason
        self.reference = reference
        super().__init__(**context)


class LoginCanceled(LoginFailure):
    code = "login_canceled"
    message = _("You stopped logging in.")
    advice = _("Do you want to use Cloudloket? Then log in again.")


class LoginExpired(LoginFailure):
    code = "login_expired"
    message = _("This login is no longer valid.")
    advice = _("It took too long, or you already used it. Log in again.")


class LoginRefusedByProvider(LoginFailure):
    code = "login_refused_by_provider"
    http_status = 403
    message = _("The login service did not let you through.")


class ProviderUnavailable(LoginFailure):
    code = "provider_unavailable"
    http_status = 503
    message = _("The login service does not answer at the moment.")
    advice = _("Wait a few minutes and try again. Your work is kept.")


class AnswerNotTrusted(LoginFailure):
    """A token or response that fails a check. Nobody can be told more than that."""

    code = "answer_not_trusted"
    http_status = 403
    message = _("We cannot trust the answer of the login service. You are not logged in.")


class AssuranceTooLow(LoginFailure):
    code = "assurance_too_low"
    http_status = 403
    message = _("This way of logging in is not strong enough for what you want to do.")
    advice = _("Log in with a stronger means, such as your government pass.")


class ClaimMissing(LoginFailure):
    code = "claim_missing"
    http_status = 403
    message = _("The login service did not tell us everything we need to know about you.")
    advice = _("Ask the administrator of your own organisation to correct your account.")


class OrganizationUnknown(LoginFailure):
    code = "organization_unknown"
    http_status = 403
    message = _("Your organisation does not use Cloudloket yet.")
    advice = _("Call the help desk to have your organisation connected.")


class OrganizationNotVouchedFor(LoginFailure):
    code = "organization_not_vouched_for"
    http_status = 403
    message = _("This login service may not log in people of your organisation.")
    advice = _("Log in in the way that your organisation uses for Cloudloket.")


class BranchUnknown(LoginFailure):
    code = "branch_unknown"
    http_status = 403
    message = _("You may act for one branch of your organisation, and we do not know that branch.")
    advice = _("Call the help desk to have your branch connected.")


class OutsideOrganization(LoginFailure):
    code = "outside_organization"
    http_status = 403
    message = _("You have access for more than this login may be used for.")
    advice = _(
        "Log in for the whole organisation that gave you access. "
        "Do you have no such login? Ask your quota administrator."
    )


class RepresentationRefused(LoginFailure):
    code = "representation_refused"
    http_status = 403
    message = _("You log in on behalf of somebody else. That is not possible here.")
    advice = _("Log in for yourself.")


class RoleUnknown(LoginFailure):
    code = "role_unknown"
    http_status = 403
    message = _("The login service gave you a role that we do not know.")
    advice = _("Ask the administrator of your own organisation to correct your account.")


class NoAccess(LoginFailure):
    code = "no_access"
    http_status = 403
    message = _("You have no access to Cloudloket yet.")
    advice = ASK_ADMINISTRATOR


class AccountBlocked(LoginFailure):
    code = "account_blocked"
    http_status = 403
    message = _("Your account is blocked.")
    advice = _("Call the help desk.")


# Refused for what the provider says of somebody: what it said before, it does not say again.
GIVES_NOTHING: Final = (
    ClaimMissing,
    OrganizationUnknown,
    OrganizationNotVouchedFor,
    BranchUnknown,
    OutsideOrganization,
    RoleUnknown,
)
