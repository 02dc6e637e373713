"""One charge, or what one line was rounded by, as a row of FOCUS. Looks nothing up.

How rows and the lines of a statement meet. Each charge is a row, with the six decimals that it
has; each line that rounding to cents changed gets one row of category Adjustment for the
difference. So a row still says what its resource cost, and the sum of BilledCost over
BillingAccountId, SubAccountId, SkuPriceId, the three columns of what costs fall under, and month is
the line, in whole cents. To spread the cents over resources instead would make the cost of one
depend on its neighbours.

A SkuPriceId stands for one unit price, so of a price with tiers each tier above the first has its
own. SkuPriceDetails says where the tier begins.

The norm wants unit price times quantity to be the cost, to the last decimal, where a part of a
month is no finite number of months. So PricingQuantity has twelve decimals, and ContractedCost and
ListCost are the product that it gives, unrounded; BilledCost and EffectiveCost are the charge. The
two differ by a millionth of a euro at most, for prices up to a million.

Of a month that is closed every row names the statement that it is on. What that statement puts
right of an earlier month is a row of class Correction, in whole cents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from types import MappingProxyType
from typing import Final, NamedTuple
from uuid import UUID

from billing.focus.columns import NAMES
from billing.models import LineKind, MeteredResource, Price, Sku, StatementLine
from billing.rating import DUE_AT_ONCE, SECONDS_PER_HOUR, Unit
from billing.services.cost_lines import Charge
from portal.core.calendar import Period
from portal.core.money import CURRENCY
from portal.identity.models import Node

Value = str | Decimal | datetime | Mapping[str, object] | None
Row = Mapping[str, Value]

TAG_PREFIX: Final = "cloudloket/"
QUANTITY_PLACES: Final = Decimal("1e-12")
# A quantity of 24 digits times a price of 18, before it is divided: no product is ever rounded.
_EXACT: Final = Context(prec=80, rounding=ROUND_HALF_UP)
_NULLS: Final[Row] = dict.fromkeys(NAMES)
_PRICING_UNITS: Final = {
    Unit.MONTH: "Months",
    Unit.HOUR: "Hours",
    Unit.GIB_MONTH: "GiB-Months",
    Unit.ONE_OFF: "Units",
    Unit.GIB: "GiB",
}
_CONSUMED_UNITS: Final = {
    Unit.MONTH: "Seconds",
    Unit.HOUR: "Seconds",
    Unit.GIB_MONTH: "GiB-Seconds",
    Unit.ONE_OFF: "Units",
    Unit.GIB: "GiB",
}


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What is the same on all rows of one export.

    Attributes:
        month: the billing period.
        issuer: the name of who runs the platform, and so sells and bills.
    """

    month: Period
    issuer: str


@dataclass(frozen=True, kw_only=True)
class Commitment:
    """The minimum term that a charge is in: its public id, and whether nothing was used of it."""

    public_id: UUID
    is_unused: bool


class Names(NamedTuple):
    organization: str
    project: str
    sku: str
    category: str
    subcategory: str

    @classmethod
    def now(cls, organization: Node, project: Node, sku: Sku) -> Names:
        """As they are at this moment."""
        described = (sku.name_en, sku.service_category, sku.service_subcategory)
        return cls(organization.name, project.name, *described)


@dataclass(frozen=True, kw_only=True)
class Share:
    """What is shared by key: public ids of the key and of the project whose costs these are.

    ``is_out``: what others bear of it, else what somebody bears.
    """

    amount: Decimal
    is_out: bool
    key_id: str
    source_id: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Line:
    """What a line of a statement is about: one project's use at one price and allocation.

    Attributes:
        from_quantity: of a price with tiers, where that of this line begins.
        names: of who pays, project, SKU and what FOCUS counts that among; of a closed month as
            they stand on the statement.
        price: None of what is shared by key.
        invoice: the number of the statement; None while the month is not closed.
    """

    organization: Node
    project: Node
    sku: Sku
    names: Names
    price: Price | None
    from_quantity: Decimal
    cost_center: str | None
    cost_object: str | None
    commitment_number: str | None
    invoice: str | None = None

    @property
    def known_price(self) -> Price:
        """Of use, which is never without."""
        assert self.price is not None  # noqa: S101  (only what was charged is on a line of use)
        return self.price

    @property
    def unit_price(self) -> Decimal:
        """What one more unit costs in this tier."""
        steps = self.known_price.unit_price.steps
        return next(one.amount for one in steps if one.from_quantity == self.from_quantity)


def usage_row(
    statement: Statement,
    line: Line,
    charge: Charge,
    resource: MeteredResource,
    list_price: Decimal | None,
    tags: Mapping[str, str] = MappingProxyType({}),
    commitment: Commitment | None = None,
) -> Row:
    """The row of a charge that has a price.

    Args:
        resource: with its cloud.
        list_price: what everybody pays for the same unit. Without one the price of this
            organization is the only one there is, and so the list price too.
        tags: those that people set, as they held during the charge.
        commitment: the minimum term whose price this is.
    """
    unit = Unit(line.known_price.unit)
    quantity = _pricing_quantity(charge, unit, statement.month)
    own_price = line.unit_price
    list_unit_price = own_price if list_price is None else list_price
    return {
        **_row_of_line(statement, line),
        "BilledCost": charge.amount,
        # Also of what is paid once: a Purchase would be for later use, which costs nothing then.
        "ChargeCategory": "Usage",
        "ChargeDescription": line.names.sku,
        "ChargeFrequency": "One-Time" if unit is Unit.ONE_OFF else "Usage-Based",
        "ChargePeriodEnd": charge.ended_at,
        "ChargePeriodStart": charge.started_at,
        "ConsumedQuantity": _consumed_quantity(charge, unit),
        "ConsumedUnit": _CONSUMED_UNITS[unit],
        "ContractedCost": _EXACT.multiply(own_price, quantity),
        "ContractedUnitPrice": own_price,
        "EffectiveCost": charge.amount,
        "ListCost": _EXACT.multiply(list_unit_price, quantity),
        "ListUnitPrice": list_unit_price,
        "PricingCategory": "Standard",
        "PricingCurrencyContractedUnitPrice": own_price,
        "PricingCurrencyEffectiveCost": charge.amount,
        "PricingCurrencyListUnitPrice": list_unit_price,
        "PricingQuantity": quantity,
        "PricingUnit": _PRICING_UNITS[unit],
        "RegionId": resource.cloud.region,
        "RegionName": resource.cloud.name,
        "ResourceId": str(resource.public_id),
        "ResourceName": resource.name,
        "ResourceType": resource.kind.replace("_", " "),
        "Tags": {**_tags_of_ours(resource), **tags},
        "x_Kind": resource.kind,
        "x_OpenStackId": resource.openstack_id,
        **(_committed(commitment, quantity, unit) if commitment else {}),
    }


def _committed(commitment: Commitment, quantity: Decimal, unit: Unit) -> Row:
    """What differs in a minimum term. Of what is unused nothing was consumed."""
    committed: Row = {
        "CommitmentDiscountCategory": "Usage",
        "CommitmentDiscountId": str(commitment.public_id),
        "CommitmentDiscountQuantity": quantity,
        "CommitmentDiscountStatus": "Unused" if commitment.is_unused else "Used",
        "CommitmentDiscountType": "Minimum term",
        "CommitmentDiscountUnit": _PRICING_UNITS[unit],
        "PricingCategory": "Committed",
    }
    unused: Row = {"ConsumedQuantity": None, "ConsumedUnit": None}
    return {**committed, **unused} if commitment.is_unused else committed


def rounding_row(statement: Statement, line: Line, amount: Decimal) -> Row:
    """The row that makes the charges of a line add up to its cents. Unrelated to any resource."""
    return {
        **_row_of_line(statement, line),
        "BilledCost": amount,
        "ChargeCategory": "Adjustment",
        "ChargeDescription": "Rounding to cents",
        "ChargeFrequency": "One-Time",
        "ChargePeriodEnd": statement.month.end,
        "ChargePeriodStart": statement.month.start,
        "ContractedCost": amount,
        "EffectiveCost": amount,
        "ListCost": amount,
        "PricingCurrencyEffectiveCost": amount,
    }


def correction_row(statement: Statement, line: Line, billed: StatementLine) -> Row:
    """The row of a line that puts right what was billed of an earlier month, or gives back of it.

    In whole cents, and unrelated to any resource.
    """
    is_credit = billed.kind in (LineKind.CREDIT, LineKind.SET_OFF)
    used_in = billed.used_in
    kind = billed.kind.replace("_", "-")
    quantity: Row = {
        "ContractedUnitPrice": billed.unit_price,
        "PricingCategory": "Standard",
        "PricingCurrencyContractedUnitPrice": billed.unit_price,
        "PricingQuantity": billed.quantity,
        "PricingUnit": _PRICING_UNITS[Unit(billed.unit)],
    }
    return {
        **_row_of_line(statement, line),
        "BilledCost": billed.amount,
        "ChargeCategory": "Credit" if is_credit else "Usage",
        "ChargeClass": "Correction",
        "ChargeDescription": f"{line.names.sku}: {kind} of {used_in.key}",
        "ChargeFrequency": "One-Time",
        "ChargePeriodEnd": used_in.period.end,
        "ChargePeriodStart": used_in.period.start,
        "ContractedCost": billed.amount,
        "EffectiveCost": billed.amount,
        "ListCost": billed.amount,
        "PricingCurrencyEffectiveCost": billed.amount,
        **({} if is_credit else quantity),
    }


def share_row(statement: Statement, line: Line, share: Share) -> Row:
    """The row of what others bear of a project's costs, or of what it bears of theirs.

    An adjustment in whole cents: the use itself is in the rows of the project that had it.
    """
    kind = "Borne by other projects" if share.is_out else f"Share in the costs of {share.source}"
    return {
        **_row_of_line(statement, line),
        "BilledCost": share.amount,
        "ChargeCategory": "Adjustment",
        "ChargeDescription": kind,
        "ChargeFrequency": "One-Time",
        "ChargePeriodEnd": statement.month.end,
        "ChargePeriodStart": statement.month.start,
        "ContractedCost": share.amount,
        "EffectiveCost": share.amount,
        "ListCost": share.amount,
        "PricingCurrencyEffectiveCost": share.amount,
        "x_SplitKeyId": share.key_id,
        "x_SplitSourceId": share.source_id,
    }


def _tags_of_ours(resource: MeteredResource) -> dict[str, object]:
    """What the portal says of a resource. Keys of a provider have a prefix, those of people none:
    and no key of theirs can look like ours, for they have no slash.
    """
    return {f"{TAG_PREFIX}{key}": value for key, value in resource.tags.items()}


def _row_of_line(statement: Statement, line: Line) -> Row:
    return {
        **_NULLS,
        "BillingAccountId": str(line.organization.public_id),
        "BillingAccountName": line.names.organization,
        "BillingAccountType": "Organization",
        "BillingCurrency": CURRENCY,
        "BillingPeriodEnd": statement.month.end,
        "BillingPeriodStart": statement.month.start,
        "InvoiceId": line.invoice,
        "InvoiceIssuerName": statement.issuer,
        "PricingCurrency": CURRENCY,
        "ProviderName": statement.issuer,
        "PublisherName": statement.issuer,
        "ServiceCategory": line.names.category,
        # A service may be in one category only, where one offering has meters of several.
        "ServiceName": line.names.subcategory,
        "ServiceSubcategory": line.names.subcategory,
        "SkuId": line.sku.code,
        "SkuMeter": line.names.sku,
        "SkuPriceDetails": _details(line),
        "SkuPriceId": _price_id(line),
        "SubAccountId": str(line.project.public_id),
        "SubAccountName": line.names.project,
        "SubAccountType": "Project",
        "x_CommitmentNumber": line.commitment_number,
        "x_CostCenter": line.cost_center,
        "x_CostObject": line.cost_object,
    }


def _pricing_quantity(charge: Charge, unit: Unit, month: Period) -> Decimal:
    """How many of its unit were used."""
    if unit in DUE_AT_ONCE:
        return charge.quantity
    divisor = SECONDS_PER_HOUR if unit is Unit.HOUR else month.seconds
    months = _EXACT.divide(charge.quantity_seconds, divisor)
    return months.quantize(QUANTITY_PLACES, context=_EXACT)


def _price_id(line: Line) -> str | None:
    if line.price is None:
        return None
    price_id = str(line.price.public_id)
    return f"{price_id}/{_tier(line)}" if line.from_quantity else price_id


def _details(line: Line) -> Mapping[str, object] | None:
    """Of a price with tiers which of them this is; nothing else is told of prices."""
    if line.price is None or not line.price.tiers:
        return None
    return {"x_TierFromQuantity": _tier(line)}


def _tier(line: Line) -> str:
    return f"{line.from_quantity.normalize():f}"


def _consumed_quantity(charge: Charge, unit: Unit) -> Decimal:
    """What was held times the seconds it was: meters know no finer.

    Only a tier that a tag cuts has no last decimal, and is rounded at the twelfth.
    """
    return charge.quantity if unit in DUE_AT_ONCE else charge.quantity_seconds
