"""From a provider's claims to the facts we need. What is missing or strange means no login."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from portal.identity.models import Role
from portal.identity.oidc.errors import (
    BranchUnknown,
    ClaimMissing,
    RepresentationRefused,
    RoleUnknown,
)
from portal.identity.oidc.providers import ClaimPath, Provider
from portal.identity.oidc.pseudonyms import is_of_a_sector, pseudonym_of, read_bsn
from portal.identity.oidc.role_texts import read_role
from portal.identity.oidc.validation import assurance_of, is_short_text
from portal.identity.services.logins import ClaimedOrganization, ClaimedRole, Login

LONGEST_NAME: Final = 150
LONGEST_TEXT: Final = 254
MOST_ROLES: Final = 200
MOST_METHODS: Final = 10
_METHOD: Final = re.compile(r"[!-~]{1,100}")  # one word: mostly three letters, sometimes a URN
NUMBERS: Final = {"oin": r"\d{20}", "kvk_number": r"\d{8}", "rsin": r"\d{9}"}
_FIELD_OF_LENGTH: Final = {20: "oin", 8: "kvk_number", 9: "rsin"}


def read_subject(provider: Provider, claims: Mapping[str, Any]) -> str:
    """Who this is, for ever; a BSN has been replaced.

    Raises:
        ClaimMissing: there is no usable subject.
    """
    value = _find(claims, provider.claims.subject)
    if provider.pseudonym_key is not None:
        return pseudonym_of(value, provider.pseudonym_key)
    if not value or not is_short_text(value):
        raise ClaimMissing("subject is empty, too long or no text")
    if is_of_a_sector(value):
        raise ClaimMissing("subject is a citizen's number, and this provider has no pseudonyms")
    return value


def find_subject(provider: Provider, claims: Mapping[str, Any]) -> str:
    """As ``read_subject``; empty when there is none."""
    try:
        return read_subject(provider, claims)
    except ClaimMissing:
        return ""


def read_ordered_subject(provider: Provider, subject: str) -> str | None:
    """Whom a logout token's ``sub`` means; None if only its ``sid`` can tell.

    That is so where people are known by another claim than ``sub``.

    Raises:
        ClaimMissing: it is a BSN that is none.
    """
    if not subject or provider.claims.subject != ("sub",):
        return None
    return read_subject(provider, {"sub": subject})


def read_methods(provider: Provider, id_token: Mapping[str, Any]) -> tuple[str, ...]:
    """How the person proved who they are: what ``amr`` holds (RFC 8176), empty when unknown.

    Nothing is allowed because of it, so what is no short list of words is left out. A single word
    may come without a list.
    """
    value = _find(id_token, provider.claims.method)
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or len(values) > MOST_METHODS:
        return ()
    if not all(isinstance(word, str) and _METHOD.fullmatch(word) for word in values):
        return ()
    return tuple(dict.fromkeys(values))


def read_login(
    provider: Provider,
    claims: Mapping[str, Any],
    *,
    language: str,
    methods: tuple[str, ...] = (),
) -> Login:
    """Take the facts out of validated claims; everything else in them is dropped here.

    Args:
        methods: as ``read_methods`` found them in the ID token.

    Raises:
        RepresentationRefused: the person acts for somebody else.
        ClaimMissing: a fact is absent, empty or not what it must be.
        BranchUnknown: the login is for a branch that the settings do not know.
        RoleUnknown: a role is not one of ours.
    """
    if any(claims.get(name) is not None for name in provider.refused_claims):
        raise RepresentationRefused("a claim of representation")
    paths = provider.claims
    level = assurance_of(claims, provider)
    login = Login(
        provider_key=provider.key,
        provider_name=provider.names["nl"],
        issuer=provider.issuer,
        subject=read_subject(provider, claims),
        name=_name(provider, claims),
        email=_email(claims, paths.email) if paths.email else None,
        organization=_organization(provider, claims),
        roles=_roles(provider, claims),
        level=level.name.lower() if level else "",
        methods=methods,
        language=language,
        may_vouch_for=frozenset(provider.organizations),
        only_own_organization=provider.only_own_organization,
    )
    kept = (login.name or "", login.email or "", str(claims.get("sid", "")), *methods)
    _check_no_bsn(provider, claims, kept=kept)
    return login


def _find(claims: Mapping[str, Any], path: ClaimPath | None) -> Any:
    value: Any = claims if path else None
    for name in path or ():
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


def _name(provider: Provider, claims: Mapping[str, Any]) -> str | None:
    path = provider.claims.name
    if path is None or _is_left_out(provider, "name", _find(claims, path)):
        return None
    return _text(claims, path)[:LONGEST_NAME]


def _is_left_out(provider: Provider, name: str, value: object) -> bool:
    return value is None and name in provider.may_lack


def _email(claims: Mapping[str, Any], path: ClaimPath) -> str:
    """A contact detail and no more, so an absent or odd one is left out instead of refused."""
    value = _find(claims, path)
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or not value.isprintable():
        return ""
    try:
        validate_email(value)
    except (ValidationError, ValueError):  # the latter: a domain that no encoding can write
        return ""
    return value


def _organization(provider: Provider, claims: Mapping[str, Any]) -> ClaimedOrganization:
    paths = provider.claims
    if paths.organization is None:
        (number,) = provider.organizations
        return ClaimedOrganization(identifier=_FIELD_OF_LENGTH[len(number)], number=number)
    identifier = provider.organization_identifier
    if paths.organization_type:
        kind = _text(claims, paths.organization_type)
        if kind not in provider.organization_types:
            raise ClaimMissing(f"{paths.organization_type[-1]} is not one that the settings name")
        identifier = provider.organization_types[kind]
    number = _text(claims, paths.organization)
    if not re.fullmatch(NUMBERS[identifier], number, re.ASCII):
        raise ClaimMissing(f"{paths.organization[-1]} is no {identifier}")
    return ClaimedOrganization(
        identifier=identifier, number=number, branch_code=_branch_code(provider, claims)
    )


def _branch_code(provider: Provider, claims: Mapping[str, Any]) -> str:
    """Code of the only node that the person may act for; empty for the whole organisation.

    A restriction that cannot be read is not one that can be overlooked.
    """
    branch = _find(claims, provider.claims.branch)
    if branch is None:
        return ""
    if not isinstance(branch, str) or branch not in provider.branches:
        raise BranchUnknown("the settings name no node for this branch")
    return provider.branches[branch]


def _roles(provider: Provider, claims: Mapping[str, Any]) -> frozenset[ClaimedRole] | None:
    """What the claim gives. A single value may come without a list, as SAML brokers do it."""
    path = provider.claims.roles
    found = _find(claims, path)
    if path is None or _is_left_out(provider, "roles", found):
        return None
    values = [found] if isinstance(found, str) else found
    if not isinstance(values, list) or len(values) > MOST_ROLES:
        raise ClaimMissing(f"{path[-1]} is not a list")
    if provider.roles:
        texts = (str(value) for value in values if isinstance(value, str | int))
        known = (provider.roles[text] for text in texts if text in provider.roles)
        return frozenset(_role(value, needs_node=False) for value in known)
    return frozenset(_role(value, needs_node=True) for value in values)


def _role(value: object, *, needs_node: bool) -> ClaimedRole:
    try:
        found = read_role(value if isinstance(value, str) else "")
    except ValueError as error:
        raise RoleUnknown("role is not one of ours, or an approver without an amount") from error
    if not found.node_code.isprintable() or (needs_node and not found.node_code):
        raise RoleUnknown("role is not on a node")
    return ClaimedRole(
        role=Role(found.role), node_code=found.node_code, amount_limit=found.amount_limit
    )


def _check_no_bsn(provider: Provider, claims: Mapping[str, Any], *, kept: tuple[str, ...]) -> None:
    """A provider that works with BSNs may not have put one in what we keep."""
    if provider.pseudonym_key is None:
        return
    number = read_bsn(_find(claims, provider.claims.subject))
    if any(number in text for text in kept):
        raise ClaimMissing("a BSN stands in a claim that is kept")
