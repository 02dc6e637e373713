"""What an offering costs besides what is used: for each thing that is delivered, once or by time.

Somebody who makes the catalogue ticks fees as one of the offering's choices. What a fee costs,
and whether once, per hour or per month, is the business of tariffs, as of any other SKU.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from django.utils.translation import gettext_lazy as _

from billing.meters import FEE, Meter
from billing.models import Sku
from catalog.kinds.base import Kind, Spec, get_kind
from catalog.kinds.choices import ChoiceField, Ticks
from catalog.kinds.parameters import Option
from catalog.models import OfferingVersion
from portal.cloud.models import Cloud

FEES: Final = "fees"  # key in ``OfferingVersion.choices``


def decided_by_offering(kind: Kind, cloud: Cloud) -> list[ChoiceField]:
    """What an offering of the kind decides: what the kind asks, and which fees there are.

    A whole has none: the parts have those of their own offerings.
    """
    fields = list(kind.choice_fields(cloud))
    skus = [] if kind.is_whole else list(Sku.objects.filter(code__startswith=FEE).order_by("code"))
    if skus:
        fields.append(_fees_field(skus))
    return fields


def paid_for(version: OfferingVersion, spec: Spec) -> list[Meter]:
    """What is paid for a resource of the version: what its kind uses, and the fees."""
    fees = version.choices.get(FEES, [])
    used = get_kind(version.offering.kind).meters(version, spec)
    return [*used, *(Meter(sku, Decimal(1)) for sku in fees)]


def _fees_field(skus: Sequence[Sku]) -> Ticks:
    return Ticks(
        name=FEES,
        label=_("Fees"),
        hint=_("Paid for each one that is delivered, besides what it uses."),
        options=[Option(value=sku.code, label=sku.name) for sku in skus],
        least=0,
        begins_ticked=False,
        unknown=_("There is no such fee: {names}."),
    )
