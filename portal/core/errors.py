"""Errors that mean "the rules said no", as opposed to "the program is broken"."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class DomainError(Exception):
    """A refused action: shown to the person who asked, never to the engineer on call.

    ``code`` is a public contract: API clients and tests match on it, so it never changes.
    ``message`` is translated prose for people and may be reworded at any time. ``field`` names
    the input that the refusal is about, where there is one.
    """

    code: ClassVar[str] = "domain_error"
    http_status: ClassVar[int] = 409
    message: ClassVar[str | Promise] = _("This action is not possible.")

    def __init__(self, *, field: str | None = None, **context: Any) -> None:
        self.field = field
        self.context = context
        super().__init__(str(self))

    def __str__(self) -> str:
        return str(self.message).format(**self.context)

    @property
    def facts(self) -> dict[str, Any]:
        """What programs are told of it beside code and message, JSON-ready."""
        return {}


class InvalidInput(DomainError):
    """Input that no rule of the form could accept. ``errors``: message by field name."""

    code = "invalid_input"
    http_status = 422
    message = _("Something in the form is not right.")

    def __init__(self, errors: dict[str, list[str]]) -> None:
        self.errors = errors
        super().__init__()


class NotAllowed(DomainError):
    """The person sees the object, but their roles do not reach this action."""

    code = "not_allowed"
    http_status = 403
    message = _("Your role does not allow this.")


class StrongerLoginNeeded(Exception):
    """The login behind the request is too weak or too old for this act.

    Not a ``DomainError``, so that no view mistakes it for a rule of its own: the door sends a
    person to log in again (``LoginStrengthMiddleware``), and tells a program with 403.
    ``demand`` says what the login must be worth; ``challenge`` says it as a header of RFC 9470.
    """

    code: ClassVar[str] = "assurance_required"
    message: ClassVar[str | Promise] = _(
        "Log in again, with a means that is strong enough, to do this."
    )

    def __init__(self, demand: Any, challenge: str = "") -> None:
        self.demand = demand
        self.challenge = challenge
        super().__init__(self.code)

    def __str__(self) -> str:
        return str(self.message)
