"""What there can be prices of: SKUs are added, described otherwise, and removed while unused.

One person suffices. A SKU moves no money, for whatever it costs is agreed by two (``tariffs``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Final, TypedDict, Unpack

from django.db import transaction
from django.db.models import ManyToOneRel
from django.utils.translation import gettext as _

from billing.errors import SkuGone, SkuInUse
from billing.focus.columns import SUBCATEGORIES
from billing.models import SHARED_SKU, SKU_CODE_LENGTH, SKU_NAME_LENGTH, Sku
from billing.services.tariffs import lock_to_set_tariffs
from portal.audit.services import record
from portal.core.errors import InvalidInput
from portal.core.text import clean_text
from portal.identity.models import Person
from portal.identity.platform import platform_organization

# A kind of thing, and after a dot what the cloud calls the sort: as it writes that.
_CODE: Final = re.compile(r"[a-z][a-z0-9_-]*(\..+)?")
Errors = dict[str, list[str]]


@dataclass(frozen=True, kw_only=True)
class SkuSays:
    """What a SKU is called, and what FOCUS 1.2 counts it among (``SUBCATEGORIES``)."""

    name_nl: str
    name_en: str
    service_category: str
    service_subcategory: str


class SkuChanges(TypedDict, total=False):
    """Those of ``SkuSays`` that become other."""

    name_nl: str
    name_en: str
    service_category: str
    service_subcategory: str


@transaction.atomic(durable=True)
def add_sku(code: str, says: SkuSays, *, actor: Person) -> Sku:
    """From now on it can have a price, which it has not yet.

    Raises:
        NotAllowed: the actor does not set prices, or came by emergency access.
        InvalidInput: something is not right in a field, or the code is taken.
    """
    lock_to_set_tariffs(actor)
    errors: Errors = {}
    cleaned = _read("code", lambda: _new_code(code), errors)
    described = _clean(says, errors)
    if errors:
        raise InvalidInput(errors)
    sku = Sku.objects.create(code=cleaned, **asdict(described))
    _tell("sku.added", sku, actor, asdict(described))
    return sku


@transaction.atomic(durable=True)
def edit_sku(code: str, *, actor: Person, **changes: Unpack[SkuChanges]) -> Sku:
    """Call it otherwise, or have FOCUS count it among others; what is not named stays.

    Statements, and the journal lines and files of closed months, keep those that they were made
    with. Nothing changed leaves no trace.

    Raises:
        SkuGone: there is none that can have a price.
        NotAllowed: as in ``add_sku``.
        InvalidInput: something is not right in a field.
    """
    lock_to_set_tariffs(actor)
    sku = _locked(code)
    before = asdict(_says(sku))
    errors: Errors = {}
    after = asdict(_clean(SkuSays(**{**before, **changes}), errors))
    if errors:
        raise InvalidInput(errors)
    changed = [name for name in after if after[name] != before[name]]
    if not changed:
        return sku
    for name in changed:
        setattr(sku, name, after[name])
    sku.save(update_fields=changed)
    _tell(
        "sku.changed",
        sku,
        actor,
        {
            "before": {name: before[name] for name in changed},
            "after": {name: after[name] for name in changed},
        },
    )
    return sku


@transaction.atomic(durable=True)
def remove_sku(code: str, *, actor: Person) -> None:
    """Take away what never had a price and was never used, such as one whose code was mistyped.

    Raises:
        SkuGone: there is none that can have a price.
        NotAllowed: as in ``add_sku``.
        SkuInUse: something refers to it.
    """
    lock_to_set_tariffs(actor)
    sku = _locked(code)
    if is_referred_to(sku):
        raise SkuInUse(sku=sku.code)
    says = asdict(_says(sku))
    # Use that began meanwhile waits for the row, and then finds no SKU.
    Sku.objects.filter(pk=sku.pk).delete()
    _tell("sku.removed", sku, actor, says)


def is_referred_to(sku: Sku) -> bool:
    """Whether a price, a proposal or use of it stands anywhere. A query for each kind of row."""
    fields = Sku._meta.get_fields(include_hidden=True)
    references = [one.remote_field for one in fields if isinstance(one, ManyToOneRel)]
    return any(
        reference.model._base_manager.filter(**{reference.name: sku}).exists()
        for reference in references
    )


def clean_code(text: str) -> str:
    """A code as it is kept.

    Raises:
        ValueError: it is none.
    """
    code = clean_text(text, max_length=SKU_CODE_LENGTH)
    if not code:
        raise ValueError(_("Fill this in."))
    # It is a part of addresses, in which a browser takes these for other directories.
    is_path = not {"", ".", ".."} & set(code.split("/"))
    if not (_CODE.fullmatch(code) and code.isprintable() and is_path):
        raise ValueError(
            _(
                "Begin with a small letter, and then small letters, digits, _ and -. After a dot"
                " comes what the cloud calls it, as in server.gp.small."
            )
        )
    return code


def _new_code(text: str) -> str:
    """Raises:
    ValueError: it is none, or there is one already.
    """
    code = clean_code(text)
    if code == SHARED_SKU:
        raise ValueError(_("This code is for costs that are shared. Choose another one."))
    if Sku.objects.filter(code=code).exists():
        raise ValueError(_("There is a SKU with this code already."))
    return code


def _clean(says: SkuSays, errors: Errors) -> SkuSays:
    """As it is kept; what is wrong is put with ``errors``, by field."""
    category, subcategory = says.service_category, says.service_subcategory
    if category not in SUBCATEGORIES:
        errors["service_category"] = [_("FOCUS has no such category.")]
    elif subcategory not in SUBCATEGORIES[category]:
        errors["service_subcategory"] = [
            _("FOCUS has no such subcategory of “{category}”.").format(category=category)
        ]
    return SkuSays(
        name_nl=_read("name_nl", lambda: _clean_name(says.name_nl), errors),
        name_en=_read("name_en", lambda: _clean_name(says.name_en), errors),
        service_category=category,
        service_subcategory=subcategory,
    )


def _clean_name(text: str) -> str:
    """Raises:
    ValueError: it is none.
    """
    name = clean_text(text, max_length=SKU_NAME_LENGTH)
    if not name:
        raise ValueError(_("Fill this in."))
    return name


def _read(name: str, read: Callable[[], str], errors: Errors) -> str:
    try:
        return read()
    except ValueError as error:
        errors[name] = [str(error)]
        return ""


def _locked(code: str) -> Sku:
    """Raises:
    SkuGone: there is none that can have a price.
    """
    skus = Sku.objects.select_for_update().exclude(code=SHARED_SKU)
    sku = skus.filter(code=code).first() if "\x00" not in code else None
    if sku is None:
        raise SkuGone()
    return sku


def _says(sku: Sku) -> SkuSays:
    return SkuSays(
        name_nl=sku.name_nl,
        name_en=sku.name_en,
        service_category=sku.service_category,
        service_subcategory=sku.service_subcategory,
    )


def _tell(event: str, sku: Sku, actor: Person, data: Mapping[str, object]) -> None:
    """In the trail of the organization that runs the platform, which the actor is of."""
    platform = platform_organization()
    assert platform is not None  # noqa: S101  (else nobody sets prices)
    record(event, platform, actor=actor, node_id=platform.pk, data={"sku": sku.code, **data})
