"""The authorization endpoint and the login page behind it."""

from __future__ import annotations

from local.identity_provider import pages
from local.identity_provider.authorization import AuthorizationRefusal, read_request
from local.identity_provider.logout import notify_clients
from local.identity_provider.messages import PageRefusal, Request, Response, redirect
from local.identity_provider.provider import (
    AuthorizationRequest,
    Grant,
    Provider,
    Session,
    now,
)


def authorize(provider: Provider, request: Request) -> Response:
    """Answer from the running session if it is good enough, else show the login page."""
    try:
        wanted = read_request(provider.configuration, request.parameters)
    except AuthorizationRefusal as refusal:
        return _refuse(provider, refusal)
    session = provider.session_of(request.cookies)
    if session and _is_good_enough(session, wanted):
        return _give_code(provider, wanted, session)
    if "none" in wanted.prompt:
        return _refuse(
            provider,
            AuthorizationRefusal(
                "login_required",
                "the person has to log in",
                redirect_uri=wanted.redirect_uri,
                state=wanted.state,
            ),
        )
    return pages.login_page(provider, wanted, interaction=provider.logins.add(wanted))


def answer_login_page(provider: Provider, request: Request) -> Response:
    """Somebody pressed a button: log that account in, or tell the client that they gave up."""
    wanted = provider.logins.find(request.parameters.get("interaction", ""))
    if wanted is None:
        raise PageRefusal("Deze inlogpagina is verlopen. Ga terug en log opnieuw in.")
    if "cancel" in request.parameters:
        return _refuse(
            provider,
            AuthorizationRefusal(
                "access_denied",
                "the person stopped",
                redirect_uri=wanted.redirect_uri,
                state=wanted.state,
            ),
        )
    account = provider.accounts.get(request.parameters.get("account", ""))
    if account is None:
        raise PageRefusal("Dit account bestaat niet. Ga terug en kies een ander.")
    acr = request.parameters.get("level") or account.acr
    if acr not in {account.acr, *provider.kind.levels}:
        raise PageRefusal("Dit niveau bestaat niet. Ga terug en kies een ander.")
    earlier = provider.sessions.take(request.cookies.get(provider.session_cookie, ""))
    session = Session(account=account, auth_time=now(), acr=acr)
    if earlier and earlier.account == account:
        session.sid, session.clients = earlier.sid, earlier.clients
    elif earlier:
        notify_clients(provider, earlier)
    cookie = provider.cookie(provider.sessions.add(session))
    return _give_code(provider, wanted, session, cookie=cookie)


def _is_good_enough(session: Session, wanted: AuthorizationRequest) -> bool:
    if wanted.prompt & {"login", "select_account"}:
        return False
    if wanted.max_age is not None and now() - session.auth_time >= wanted.max_age:
        return False
    return not wanted.acr_values or session.acr in wanted.acr_values


def _give_code(
    provider: Provider, wanted: AuthorizationRequest, session: Session, *, cookie: str = ""
) -> Response:
    session.clients.add(wanted.client.id)
    code = provider.codes.add(
        Grant(
            request=wanted,
            account=session.account,
            sid=session.sid,
            auth_time=session.auth_time,
            acr=session.acr,
        )
    )
    answer = {"code": code, "state": wanted.state, "iss": provider.issuer}
    return redirect(wanted.redirect_uri, _filled(answer), cookie=cookie)


def _refuse(provider: Provider, refusal: AuthorizationRefusal) -> Response:
    answer = {
        "error": refusal.code,
        "error_description": str(refusal),
        "state": refusal.state,
        "iss": provider.issuer,
    }
    return redirect(refusal.redirect_uri, _filled(answer))


def _filled(answer: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in answer.items() if value}
