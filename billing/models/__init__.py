from billing.models.budget import Budget
from billing.models.price import Price, PriceList, PriceUnit, Sku
from billing.models.summary import MonthSummary, OutdatedMonth, SummaryDay, SummaryLine
from billing.models.usage import MeteredResource, UsageSpan

__all__ = [
    "Budget",
    "MeteredResource",
    "MonthSummary",
    "OutdatedMonth",
    "Price",
    "PriceList",
    "PriceUnit",
    "Sku",
    "SummaryDay",
    "SummaryLine",
    "UsageSpan",
]
