"""From a provider's claims to the facts we need. What is missing or strange means no login."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from portal.identity.models import Role
from portal.identity.oidc.errors import ClaimMissing, RoleUnknown
from portal.identity.oidc.providers import ClaimPath, Provider
from portal.identity.oidc.validation import assurance_of
from portal.identity.services.logins import ClaimedRole, Login

LONGEST_NAME: Final = 150
LONGEST_TEXT: Final = 254
MOST_ROLES: Final = 200


def read_login(provider: Provider, claims: Mapping[str, Any], *, language: str) -> Login:
    """Take the facts out of validated claims; everything else in them is dropped here.

    Raises:
        ClaimMissing: a fact is absent, empty or not text.
        RoleUnknown: a role is not one of ours.
    """
    paths = provider.claims
    level = assurance_of(claims, provider)
    return Login(
        provider_key=provider.key,
        issuer=provider.issuer,
        subject=claims["sub"],
        name=_text(claims, paths.name)[:LONGEST_NAME],
        email=_email(claims, paths.email),
        organization_oin=_text(claims, paths.organization),
        roles=_roles(claims, paths.roles),
        level=level.name.lower() if level else "",
        language=language,
    )


def _find(claims: Mapping[str, Any], path: ClaimPath) -> Any:
    value: Any = claims
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _text(claims: Mapping[str, Any], path: ClaimPath) -> str:
    value = _find(claims, path)
    if not isinstance(value, str):
        raise ClaimMissing(f"{path[-1]} is not text")
    # Control and direction marks could make one name look like another.
    text = "".join(character for character in value if character.isprintable()).strip()
    if not 0 < len(text) <= LONGEST_TEXT:
        raise ClaimMissing(f"{path[-1]} is empty or too long")
    return text


def _email(claims: Mapping[str, Any], path: ClaimPath) -> str:
    """A contact detail and no more, so an absent or odd one is left out instead of refused."""
    value = _find(claims, path)
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        return ""
    try:
        validate_email(value)
    except ValidationError:
        return ""
    return value


def _roles(claims: Mapping[str, Any], path: ClaimPath) -> frozenset[ClaimedRole]:
    values = _find(claims, path)
    if not isinstance(values, list) or len(values) > MOST_ROLES:
        raise ClaimMissing(f"{path[-1]} is not a list")
    return frozenset(_role(value) for value in values)


def _role(value: object) -> ClaimedRole:
    role, _, node_code = str(value).partition("@")
    if role not in Role.values or not node_code or not node_code.isprintable():
        raise RoleUnknown("role is not one of ours")
    return ClaimedRole(role=Role(role), node_code=node_code)
