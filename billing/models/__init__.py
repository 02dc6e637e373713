from billing.models.budget import Budget
from billing.models.price import Price, PriceList, PriceUnit, Sku
from billing.models.usage import MeteredResource, UsageSpan

__all__ = [
    "Budget",
    "MeteredResource",
    "Price",
    "PriceList",
    "PriceUnit",
    "Sku",
    "UsageSpan",
]
