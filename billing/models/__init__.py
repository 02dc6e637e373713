from billing.models.budget import Budget
from billing.models.price import Price, PriceList, PriceUnit, Sku
from billing.models.summary import MonthSummary, OutdatedMonth, SummaryDay, SummaryLine
from billing.models.tariff import TARIFF_NAME_LENGTH, TariffRound, TariffRoundLine
from billing.models.usage import MeteredResource, UsageSpan

__all__ = [
    "TARIFF_NAME_LENGTH",
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
    "TariffRound",
    "TariffRoundLine",
    "UsageSpan",
]
