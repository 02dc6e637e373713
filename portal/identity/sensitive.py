"""Acts that bind somebody else ask for a strong and fresh login: declared once, on the act itself.

Whatever door leads to the act, the login behind the request is judged before anything happens. A
person is sent to log in again and comes back to the same form with its input kept; a program gets
a 403. Work that no request asked for (a worker, a command on the server) has no login to judge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from django.conf import settings

from portal.core.errors import DomainError, StrongerLoginNeeded
from portal.identity.oidc.demand import Demand
from portal.identity.oidc.session import LoginFacts
from portal.identity.refusals import note_refusal

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

# Every act that was declared, with what it demands; None is ``settings.SENSITIVE_LOGIN``.
ACTS: Final[dict[str, Demand | None]] = {}
_Login = LoginFacts | None
# Holds one login (None for a stranger) during a request, nothing otherwise.
_behind_request: ContextVar[tuple[_Login] | None] = ContextVar("login behind request", default=None)


def sensitive(
    act: str, demand: Demand | None = None
) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Decorate a service function or a view that needs a strong and fresh login.

    Args:
        act: what it does, e.g. "order.approve"; unique.
        demand: ``settings.SENSITIVE_LOGIN`` when left out.

    The decorated function raises StrongerLoginNeeded before anything else.
    """
    if act in ACTS:
        raise ValueError(f"two acts are called {act!r}")
    ACTS[act] = demand

    def decorate(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        @wraps(function)
        def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            try:
                check_login(demand or settings.SENSITIVE_LOGIN)
                return function(*args, **kwargs)
            except (DomainError, StrongerLoginNeeded) as error:
                note_refusal(act, error)
                raise

        return guarded

    return decorate


def check_login(demand: Demand) -> None:
    """Judge the login behind the current request, if there is a request.

    Raises:
        StrongerLoginNeeded: it is too weak or too old, or there is none.
    """
    held = _behind_request.get()
    if held is None:
        return
    (login,) = held
    if login is None or not login.meets(demand):
        raise StrongerLoginNeeded(demand, challenge_of(demand, login))


def challenge_of(demand: Demand, login: LoginFacts | None) -> str:
    """The demand as a ``WWW-Authenticate`` header (RFC 9470, 3).

    The values of ``acr`` are those of the provider that the person came from; of all providers
    when that says nothing.
    """
    providers = settings.OIDC_PROVIDERS
    own = providers.get(login.provider) if login else None
    asked = [own] if own else providers.values()
    values = dict.fromkeys(acr for each in asked for acr in each.acr_values(demand.level))
    parameters = {
        "realm": "Cloudloket",
        "error": "insufficient_user_authentication",
        "error_description": "A stronger or fresher login is needed",
        "acr_values": " ".join(values),
    }
    if demand.max_age is not None:
        parameters["max_age"] = str(demand.max_age)
    return "Session " + ", ".join(f'{name}="{value}"' for name, value in parameters.items())


@contextmanager
def asked_with(login: LoginFacts | None) -> Iterator[None]:
    """Everything inside was asked for with this login; None is a stranger."""
    token = _behind_request.set((login,))
    try:
        yield
    finally:
        _behind_request.reset(token)
