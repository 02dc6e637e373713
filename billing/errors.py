"""The refusals of billing."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from portal.core.errors import DomainError


class PriceMissing(DomainError):
    code = "price_missing"
    message = _("“{sku}” has no price at this moment, so it cannot be ordered. Ask finance.")


class SkuUnknown(DomainError):
    code = "sku_unknown"
    message = _("“{sku}” is not in the price list, so its use cannot be measured.")
