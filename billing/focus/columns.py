"""The columns of a Cost and Usage dataset in FOCUS 1.2, as data: the 57 of the norm, then ours."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import Final

VERSION: Final = "1.2"
GENERATOR: Final = "Cloudloket"  # who makes these files
# Digits of a number: a quantity of twelve decimals times a price of six, and what decimals of most
# databases hold.
SCALE: Final = 18
PRECISION: Final = 38


class Level(StrEnum):
    """How much the norm wants a column; we always write all of them."""

    MANDATORY = "Mandatory"
    RECOMMENDED = "Recommended"
    CONDITIONAL = "Conditional"


class Type(StrEnum):
    """How a column is written, in the words of the norm's metadata."""

    STRING = "STRING"
    DECIMAL = "DECIMAL"
    DATE_TIME = "DATETIME"
    JSON = "JSON"  # the norm's Key-Value Format: an object of names with single values


@dataclass(frozen=True)
class Column:
    """A column: ``nulls`` says whether it may ever be empty, ``allowed`` which values it knows.

    Without ``allowed`` any value of its type is good.
    """

    name: str
    level: Level | None
    type: Type
    nulls: bool = False
    allowed: tuple[str, ...] = ()


_SUBCATEGORIES: Final = {
    "AI and Machine Learning": (
        "AI Platforms",
        "Bots",
        "Generative AI",
        "Machine Learning",
        "Natural Language Processing",
    ),
    "Analytics": (
        "Analytics Platforms",
        "Business Intelligence",
        "Data Processing",
        "Search",
        "Streaming Analytics",
    ),
    "Business Applications": ("Productivity and Collaboration",),
    "Compute": (
        "Containers",
        "End User Computing",
        "Quantum Compute",
        "Serverless Compute",
        "Virtual Machines",
    ),
    "Databases": (
        "Caching",
        "Data Warehouses",
        "Ledger Databases",
        "NoSQL Databases",
        "Relational Databases",
        "Time Series Databases",
    ),
    "Developer Tools": (
        "Developer Platforms",
        "Continuous Integration and Deployment",
        "Development Environments",
        "Source Code Management",
        "Quality Assurance",
    ),
    "Identity": ("Identity and Access Management",),
    "Integration": ("API Management", "Messaging", "Workflow Orchestration"),
    "Internet of Things": ("IoT Analytics", "IoT Platforms"),
    "Management and Governance": (
        "Architecture",
        "Compliance",
        "Cost Management",
        "Data Governance",
        "Disaster Recovery",
        "Endpoint Management",
        "Observability",
        "Support",
    ),
    "Media": ("Content Creation", "Gaming", "Media Streaming", "Mixed Reality"),
    "Migration": ("Data Migration", "Resource Migration"),
    "Mobile": (),
    "Multicloud": ("Multicloud Integration",),
    "Networking": (
        "Application Networking",
        "Content Delivery",
        "Network Connectivity",
        "Network Infrastructure",
        "Network Routing",
        "Network Security",
    ),
    "Security": (
        "Secret Management",
        "Security Posture Management",
        "Threat Detection and Response",
    ),
    "Storage": (
        "Backup Storage",
        "Block Storage",
        "File Storage",
        "Object Storage",
        "Storage Platforms",
    ),
    "Web": ("Application Platforms",),
    "Other": (),
}
# Of each service category its subcategories; every one has a rest of its own.
SUBCATEGORIES: Final = {
    category: (*names, f"Other ({category})") for category, names in _SUBCATEGORIES.items()
}
CATEGORY_OF: Final = {name: category for category, names in SUBCATEGORIES.items() for name in names}

FOCUS_COLUMNS: Final = (
    Column("AvailabilityZone", Level.RECOMMENDED, Type.STRING, nulls=True),
    Column("BilledCost", Level.MANDATORY, Type.DECIMAL),
    Column("BillingAccountId", Level.MANDATORY, Type.STRING),
    Column("BillingAccountName", Level.MANDATORY, Type.STRING, nulls=True),
    Column("BillingAccountType", Level.CONDITIONAL, Type.STRING),
    Column("BillingCurrency", Level.MANDATORY, Type.STRING),
    Column("BillingPeriodEnd", Level.MANDATORY, Type.DATE_TIME),
    Column("BillingPeriodStart", Level.MANDATORY, Type.DATE_TIME),
    Column("CapacityReservationId", Level.CONDITIONAL, Type.STRING, nulls=True),
    Column(
        "CapacityReservationStatus",
        Level.CONDITIONAL,
        Type.STRING,
        nulls=True,
        allowed=("Used", "Unused"),
    ),
    Column(
        "ChargeCategory",
        Level.MANDATORY,
        Type.STRING,
        allowed=("Usage", "Purchase", "Tax", "Credit", "Adjustment"),
    ),
    Column("ChargeClass", Level.MANDATORY, Type.STRING, nulls=True, allowed=("Correction",)),
    Column("ChargeDescription", Level.MANDATORY, Type.STRING, nulls=True),
    Column(
        "ChargeFrequency",
        Level.RECOMMENDED,
        Type.STRING,
        allowed=("One-Time", "Recurring", "Usage-Based"),
    ),
    Column("ChargePeriodEnd", Level.MANDATORY, Type.DATE_TIME),
    Column("ChargePeriodStart", Level.MANDATORY, Type.DATE_TIME),
    Column(
        "CommitmentDiscountCategory",
        Level.CONDITIONAL,
        Type.STRING,
        nulls=True,
        allowed=("Spend", "Usage"),
    ),
    Column("CommitmentDiscountId", Level.CONDITIONAL, Type.STRING, nulls=True),
    Column("CommitmentDiscountName", Level.CONDITIONAL, Type.STRING, nulls=True),
    Column("CommitmentDiscountQuantity", Level.CONDITIONAL, Type.DECIMAL, nulls=True),
    Column(
        "CommitmentDiscountStatus",
        Level.CONDITIONAL,
        Type.STRING,
        nulls=True,
        allowed=("Used", "Unused"),
    ),
    Column("CommitmentDiscountType", Level.CONDITIONAL, Type.STRING, nulls=True),
    Column("CommitmentDiscountUnit", Level.CONDITIONAL, Type.STRING, nulls=True),
    Column("ConsumedQuantity", Level.CONDITIONAL, Type.DECIMAL, nulls=True),
    Column("ConsumedUnit", Level.CONDITIONAL, Type.STRING, nulls=True),
    Column("ContractedCost", Level.MANDATORY, Type.DECIMAL),
    Column("ContractedUnitPrice", Level.CONDITIONAL, Type.DECIMAL, nulls=True),
    Column("EffectiveCost", Level.MANDATORY, Type.DECIMAL),
    Column("InvoiceId", Level.RECOMMENDED, Type.STRING, nulls=True),
    Column("InvoiceIssuerName", Level.MANDATORY, Type.STRING),
    Column("ListCost", Level.MANDATORY, Type.DECIMAL),
    Column("ListUnitPrice", Level.CONDITIONAL, Type.DECIMAL, nulls=True),
    Column(
        "PricingCategory",
        Level.CONDITIONAL,
        Type.STRING,
        nulls=True,
        allowed=("Standard", "Dynamic", "Committed", "Other"),
    ),
    Column("PricingCurrency", Level.CONDITIONAL, Type.STRING, nulls=True),
    Column("PricingCurrencyContractedUnitPrice", Level.CONDITIONAL, Type.DECIMAL, nulls=True),
    Column("PricingCurrencyEffectiveCost", Level.CONDITIONAL, Type.DECIMAL, nulls=True),
    Column("PricingCurrencyListUnitPrice", Level.CONDITIONAL, Type.DECIMAL, nulls=True),
    Column("PricingQuantity", Level.MANDATORY, Type.DECIMAL, nulls=True),
    Column("PricingUnit", Level.MANDATORY, Type.STRING, nulls=True),
    Column("ProviderName", Level.MANDATORY, Type.STRING),
    Column("PublisherName", Level.MANDATORY, Type.STRING),
    Column("RegionId", Level.CONDITIONAL, Type.STRING, nulls=True),
    Column("RegionName", Level.CONDITIONAL, Type.STRING, nulls=True),
    Column("ResourceId", Level.CONDITIONAL, Type.STRING, nulls=True),
    Column("ResourceName", Level.CONDITIONAL, Type.STRING, nulls=True),
    Column("ResourceType", Level.CONDITIONAL, Type.STRING, nulls=True),
    Column("ServiceCategory", Level.MANDATORY, Type.STRING, allowed=tuple(SUBCATEGORIES)),
    Column("ServiceName", Level.MANDATORY, Type.STRING),
    Column(
        "ServiceSubcategory",
        Level.RECOMMENDED,
        Type.STRING,
        allowed=tuple(chain.from_iterable(SUBCATEGORIES.values())),
    ),
    Column("SkuId", Level.CONDITIONAL, Type.STRING, nulls=True),
    Column("SkuMeter", Level.CONDITIONAL, Type.STRING, nulls=True),
    Column("SkuPriceDetails", Level.CONDITIONAL, Type.JSON, nulls=True),
    Column("SkuPriceId", Level.CONDITIONAL, Type.STRING, nulls=True),
    Column("SubAccountId", Level.CONDITIONAL, Type.STRING, nulls=True),
    Column("SubAccountName", Level.CONDITIONAL, Type.STRING, nulls=True),
    Column("SubAccountType", Level.CONDITIONAL, Type.STRING, nulls=True),
    Column("Tags", Level.CONDITIONAL, Type.JSON, nulls=True),
)
# What the norm has no place for, behind its own columns.
CUSTOM_COLUMNS: Final = (
    Column("x_CommitmentNumber", None, Type.STRING, nulls=True),
    Column("x_CostCenter", None, Type.STRING, nulls=True),
    Column("x_CostObject", None, Type.STRING, nulls=True),
    Column("x_Kind", None, Type.STRING, nulls=True),
    Column("x_OpenStackId", None, Type.STRING, nulls=True),
    Column("x_SplitKeyId", None, Type.STRING, nulls=True),
    Column("x_SplitSourceId", None, Type.STRING, nulls=True),
)
COLUMNS: Final = (*FOCUS_COLUMNS, *CUSTOM_COLUMNS)
NAMES: Final = tuple(column.name for column in COLUMNS)
