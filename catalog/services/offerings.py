"""Making what can be ordered: offerings, and the drafts of their versions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.timezone import now
from django.utils.translation import gettext as _

from catalog.errors import DraftExists, DraftWaits, VersionSettled
from catalog.kinds import get_kind, orderable_kinds
from catalog.kinds.choices import clean_choices
from catalog.kinds.fees import decided_by_offering
from catalog.models import (
    Offering,
    OfferingVersion,
    OfferingVersionState,
    PublicationState,
)
from catalog.models.offering import (
    ADDRESS_LENGTH,
    DESCRIPTION_LENGTH,
    LONGEST_TERM_DAYS,
    NAME_LENGTH,
)
from catalog.offering_policies import may_draft
from catalog.services.offering_facts import difference, facts_of
from portal.audit.services import record
from portal.cloud.models import Cloud
from portal.core.errors import InvalidInput, NotAllowed
from portal.core.text import clean_text
from portal.identity.models import Organization, Person
from portal.identity.platform import platform_organization

CODE_PATTERN: Final = r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?"
LENGTHS: Final = {
    "name_nl": NAME_LENGTH,
    "name_en": NAME_LENGTH,
    "description_nl": DESCRIPTION_LENGTH,
    "description_en": DESCRIPTION_LENGTH,
}
LINKS: Final = ("documentation_url", "price_list_url")
# Inclusive; days and hours.
TERM_BOUNDS: Final = {
    "approval_days": (1, 90),
    "compensate_after_hours": (1, 720),
    "maximum_term_days": (1, LONGEST_TERM_DAYS),
    "grace_days": (1, 365),
}
MAY_BE_LEFT_OUT: Final = "maximum_term_days"
_COPIED: Final = (*LENGTHS, *LINKS, *TERM_BOUNDS, "choices", "cloud_id")


@dataclass(frozen=True, kw_only=True)
class DraftContent:
    """Everything that a draft says, as it came in. No ``visible_to``: for everybody."""

    name_nl: str
    name_en: str
    description_nl: str
    description_en: str
    documentation_url: str
    price_list_url: str
    choices: Mapping[str, Any]
    visible_to: Sequence[Organization]
    approval_days: int
    compensate_after_hours: int
    maximum_term_days: int | None
    grace_days: int


@transaction.atomic(durable=True)
def create_offering(
    *, code: str, kind: str, cloud: Cloud, texts: Mapping[str, str], actor: Person
) -> OfferingVersion:
    """Begin something new in the catalogue; returns the draft of its first version.

    Args:
        texts: names and descriptions in both languages.

    Raises:
        NotAllowed: the actor does not make the catalogue.
        InvalidInput: the code is taken or not possible, no kind is called so, or about the texts.
    """
    check_drafter(actor)
    errors = _code_errors(code)
    if kind not in {known.key for known in orderable_kinds()}:
        errors["kind"] = [_("Choose one of these.")]
    cleaned = _clean_texts(texts, errors)
    if errors:
        raise InvalidInput(errors)
    offering = _add_offering(code, kind)
    choices = {item.name: item.begin() for item in decided_by_offering(get_kind(kind), cloud)}
    version = OfferingVersion.objects.create(
        offering=offering,
        number=1,
        cloud=cloud,
        choices=choices,
        drafted_by=actor,
        drafted_at=now(),
        **cleaned,
    )
    write("offering.created", version, actor, {"code": code, "kind": kind, "cloud": cloud.key})
    return version


@transaction.atomic(durable=True)
def draft_from(public_id: UUID, *, actor: Person) -> OfferingVersion:
    """Copy a published or withdrawn version into a new draft.

    For whom it exists is copied too, also where that ended: somebody takes those off, so that
    nothing becomes for everybody by itself.

    Raises:
        NotAllowed: the actor does not make the catalogue.
        DraftExists: one is being made already.
    """
    check_drafter(actor)
    source = lock_version(public_id)
    versions = source.offering.versions
    if versions.filter(state=OfferingVersionState.DRAFT).exists():
        raise DraftExists()
    number = versions.aggregate(highest=Max("number"))["highest"] + 1
    copied = {name: getattr(source, name) for name in _COPIED}
    draft = OfferingVersion.objects.create(
        offering=source.offering, number=number, drafted_by=actor, drafted_at=now(), **copied
    )
    draft.visible_to.set(source.visible_to.all())
    write("offering.drafted", draft, actor, {"number": number, "copied_from": source.number})
    return draft


@transaction.atomic(durable=True)
def edit_draft(public_id: UUID, content: DraftContent, *, actor: Person) -> OfferingVersion:
    """Let a draft say something else.

    Raises:
        NotAllowed: the actor does not make the catalogue.
        InvalidInput: about a text, a link, a term, a choice or an organization.
        VersionSettled: it is no draft any more.
        DraftWaits: somebody proposed to publish it.
    """
    check_drafter(actor)
    draft = lock_draft(public_id)
    cleaned = _clean_content(draft, content)
    before = facts_of(draft)
    for name, value in cleaned.items():
        setattr(draft, name, value)
    draft.save(update_fields=list(cleaned))
    draft.visible_to.set(content.visible_to)
    changed = difference(before, facts_of(draft))
    if changed["after"]:
        write("offering.changed", draft, actor, changed)
    return draft


@transaction.atomic(durable=True)
def drop_draft(public_id: UUID, *, actor: Person) -> OfferingVersion:
    """Give a draft up. It stays in the history.

    Raises:
        NotAllowed: the actor does not make the catalogue.
        VersionSettled: it is no draft any more.
        DraftWaits: somebody proposed to publish it.
    """
    check_drafter(actor)
    draft = lock_draft(public_id)
    end_version(draft, actor)
    write("offering.dropped", draft, actor, {"number": draft.number})
    return draft


def check_drafter(actor: Person) -> None:
    """Raise NotAllowed when the actor does not make the catalogue."""
    if not may_draft(actor):
        raise NotAllowed()


def lock_version(public_id: UUID) -> OfferingVersion:
    """Lock the offering, and return its version as it is now."""
    offering = OfferingVersion.objects.values_list("offering", flat=True).get(public_id=public_id)
    Offering.objects.select_for_update().get(pk=offering)
    return (
        OfferingVersion.objects.select_for_update(of=("self",))
        .select_related("offering", "cloud")
        .get(public_id=public_id)
    )


def lock_draft(public_id: UUID) -> OfferingVersion:
    """Lock a draft about which nobody is deciding.

    Raises:
        VersionSettled, DraftWaits: as named.
    """
    version = lock_version(public_id)
    if version.state != OfferingVersionState.DRAFT:
        raise VersionSettled(state=version.get_state_display())
    if version.publications.filter(state=PublicationState.PROPOSED).exists():
        raise DraftWaits()
    return version


def end_version(version: OfferingVersion, actor: Person) -> None:
    """Withdraw a locked version: nothing new is ordered from it."""
    version.state = OfferingVersionState.WITHDRAWN
    version.withdrawn_by, version.withdrawn_at = actor, now()
    version.save(update_fields=["state", "withdrawn_by", "withdrawn_at"])


def write(event: str, version: OfferingVersion, actor: Person, data: dict[str, Any]) -> None:
    """Tell the audit trail, where the auditors of the platform read it."""
    organization = platform_organization()
    node_id = organization.pk if organization else None
    record(event, version, actor=actor, node_id=node_id, data=data)


def _add_offering(code: str, kind: str) -> Offering:
    highest = Offering.objects.aggregate(highest=Max("position"))["highest"] or 0
    try:
        with transaction.atomic():
            return Offering.objects.create(code=code, kind=kind, position=highest + 1)
    except IntegrityError as error:
        if "catalog_offering_code_key" not in str(error):
            raise
        raise InvalidInput(_code_taken()) from error


def _code_errors(code: str) -> dict[str, list[str]]:
    if not re.fullmatch(CODE_PATTERN, code):
        return {"code": [_("Use a to z, 0 to 9 and hyphens, and begin with a letter.")]}
    if Offering.objects.filter(code=code).exists():
        return _code_taken()
    return {}


def _code_taken() -> dict[str, list[str]]:
    return {"code": [_("Something in the catalogue is called so already.")]}


def _clean_content(draft: OfferingVersion, content: DraftContent) -> dict[str, Any]:
    errors: dict[str, list[str]] = {}
    cleaned: dict[str, Any] = _clean_texts(
        {name: getattr(content, name) for name in LENGTHS}, errors
    )
    for name in LINKS:
        cleaned[name] = _clean_link(name, getattr(content, name), errors)
    for name, (lowest, highest) in TERM_BOUNDS.items():
        asked = cleaned[name] = getattr(content, name)
        if asked is None and name == MAY_BE_LEFT_OUT:
            continue
        if asked is None or not lowest <= asked <= highest:
            message = _("Fill in a whole number from {minimum} to {maximum}.")
            errors[name] = [message.format(minimum=lowest, maximum=highest)]
    if any(organization.ended_at for organization in content.visible_to):
        errors["visible_to"] = [_("One of these organisations has ended.")]
    fields = decided_by_offering(get_kind(draft.offering.kind), draft.cloud)
    try:
        cleaned["choices"] = clean_choices(fields, content.choices)
    except InvalidInput as error:
        errors |= error.errors
    if errors:
        raise InvalidInput(errors)
    return cleaned


def _clean_texts(texts: Mapping[str, str], errors: dict[str, list[str]]) -> dict[str, str]:
    cleaned = {}
    for name, length in LENGTHS.items():
        try:
            cleaned[name] = clean_text(texts[name], max_length=length)
        except ValueError as error:
            errors[name] = [str(error)]
        else:
            if not cleaned[name]:
                errors[name] = [_("Fill this in.")]
    return cleaned


def _clean_link(name: str, address: str, errors: dict[str, list[str]]) -> str:
    address = address.strip()
    try:
        if address:
            URLValidator(schemes=["https"])(address)
        return clean_text(address, max_length=ADDRESS_LENGTH)
    except ValidationError:
        errors[name] = [_("Fill in an address that begins with https://.")]
    except ValueError as error:
        errors[name] = [str(error)]
    return ""
