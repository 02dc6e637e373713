"""The provider's own pages: plain HTML, in Dutch, without a script."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from local.identity_provider.accounts import Account
from local.identity_provider.messages import NO_STORE, Request, Response
from local.identity_provider.provider import AuthorizationRequest, Provider

STYLESHEET: Final = Path(__file__).with_name("style.css").read_bytes()

POLICY: Final = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"

SHELL: Final = """<!doctype html>
<html lang="nl">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} - {name}</title>
<link rel="stylesheet" href="{path}/style.css">
</head>
<body>
<header><p>{name}</p></header>
<main>
<h1>{title}</h1>
{content}
</main>
</body>
</html>
"""


def login_page(provider: Provider, wanted: AuthorizationRequest, *, interaction: str) -> Response:
    """One submit button for each account, grouped by organisation in the order given."""
    levels = provider.kind.levels
    groups = "\n".join(
        _account_group(organization, list(members), number, levels)
        for number, (organization, members) in enumerate(
            groupby(provider.accounts.values(), key=lambda account: account.organization), start=1
        )
    )
    weakest = wanted.acr_values[0] if wanted.acr_values else ""  # that would still do
    asked = f"<p>Niveau: minstens {escape(levels.get(weakest, weakest))}.</p>" if weakest else ""
    content = f"""<p>Dit zijn verzonnen mensen. Kies wie u bent. Een wachtwoord is niet nodig.</p>
{asked}
<form method="post" action="{provider.path}/login">
<input type="hidden" name="interaction" value="{escape(interaction)}">
{_level_field(levels)}
{groups}
<p><button class="cancel" name="cancel" value="yes">Annuleer</button></p>
</form>"""
    return _page(provider, "Kies een account", content, form_target=wanted.redirect_uri)


def _level_field(levels: Mapping[str, str]) -> str:
    """Lets anybody log in weaker or stronger than their account says, to try what that does."""
    options = "".join(
        f'<option value="{escape(acr)}">{escape(name)}</option>' for acr, name in levels.items()
    )
    return (
        '<p class="level"><label for="level">Log in met niveau</label>\n'
        '<select id="level" name="level"><option value="">zoals bij het account staat</option>'
        f"{options}</select></p>"
    )


def _account_group(
    organization: str, members: list[Account], number: int, levels: Mapping[str, str]
) -> str:
    buttons = "\n".join(
        f'<li><button name="account" value="{escape(account.key)}">'
        f"<strong>{escape(account.name)}</strong>"
        f"<span>{escape(account.job)}</span>"
        f"<small>{escape(account.duty)} "
        f"Niveau {escape(levels.get(account.acr, account.acr))}.</small>"
        "</button></li>"
        for account in members
    )
    return (
        f'<section aria-labelledby="group-{number}">'
        f'<h2 id="group-{number}">{escape(organization)}</h2>\n<ul>\n{buttons}\n</ul></section>'
    )


def logout_page(provider: Provider, *, interaction: str) -> Response:
    content = f"""<p>Een toepassing vraagt om u uit te loggen. U bent dan overal uitgelogd.</p>
<form method="post" action="{provider.path}/logout/confirm">
<p><button class="plain" name="interaction" value="{escape(interaction)}">Log uit</button></p>
</form>"""
    return _page(provider, "Wilt u uitloggen?", content)


def logged_out_page(provider: Provider, *, cookie: str) -> Response:
    content = "<p>U kunt dit venster sluiten.</p>"
    return _page(provider, "U bent uitgelogd", content, headers={"Set-Cookie": cookie})


def refusal_page(
    provider: Provider, text: str, *, status: int, headers: Mapping[str, str]
) -> Response:
    content = f"<p>{escape(text)}</p>\n<p>Ga terug en probeer het opnieuw.</p>"
    return _page(provider, "Dit lukt niet", content, status=status, headers=headers)


def stylesheet(_provider: Provider, _request: Request) -> Response:
    headers = {"Cache-Control": "public, max-age=3600"}
    return Response(body=STYLESHEET, content_type="text/css; charset=utf-8", headers=headers)


def _page(
    provider: Provider,
    title: str,
    content: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    form_target: str = "",
) -> Response:
    # Chromium checks form-action on the redirect after a form too, so the client is named in it.
    parts = urlsplit(form_target)
    client = f" {parts.scheme}://{parts.netloc}" if form_target else ""
    policy = f"{POLICY}; form-action 'self'{client}" if client else POLICY
    return Response(
        status=status,
        body=SHELL.format(
            title=escape(title),
            name=escape(provider.kind.title),
            path=escape(provider.path),
            content=content,
        ).encode(),
        content_type="text/html; charset=utf-8",
        headers={**NO_STORE, "Content-Security-Policy": policy, **(headers or {})},
    )
