"""Prices, limits and budgets."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from billing.models import Budget, Price, PriceList, PriceUnit, Sku
from catalog.models import Metric
from catalog.services.quotas import set_limit
from portal.identity.models import Node

# SKU: names, FOCUS service category and subcategory, unit, price in euros
SKUS: Final = {
    "server.gp.small": ("Server, klein", "Server, small", "38.40"),
    "server.gp.medium": ("Server, middel", "Server, medium", "76.80"),
    "server.gp.large": ("Server, groot", "Server, large", "153.60"),
    "server.gp.xlarge": ("Server, extra groot", "Server, extra large", "307.20"),
}
VOLUME_PRICE: Final = Decimal("0.085")

# What a project, a directorate and a ministry or municipality may hold.
LIMITS: Final = {
    Metric.SERVERS: (20, 60, 120),
    Metric.VCPUS: (40, 160, 320),
    Metric.MEMORY_GIB: (96, 384, 768),
    Metric.VOLUMES: (40, 120, 240),
    Metric.VOLUME_GIB: (2000, 8000, 16000),
    Metric.SNAPSHOTS: (20, 60, 120),
    Metric.MONTHLY_COST_EUR: (1500, 6000, 12000),
}
PROJECT_BUDGET: Final = Decimal(9000)


def load_money(since: datetime) -> None:
    """Add the price list, and limits and budgets on every node of the tree."""
    _load_prices(since)
    for node in Node.objects.order_by("pk"):
        _load_limits(node, since)
    for project in Node.objects.filter(kind="project"):
        Budget.objects.create(node=project, year=since.year, amount=PROJECT_BUDGET)


def _load_prices(since: datetime) -> None:
    prices = PriceList.objects.create(name=f"Tarieven {since.year}")
    for code, (name_nl, name_en, amount) in SKUS.items():
        sku = Sku.objects.create(
            code=code,
            name_nl=name_nl,
            name_en=name_en,
            service_category="Compute",
            service_subcategory="Virtual Machines",
        )
        Price.objects.create(
            price_list=prices,
            sku=sku,
            unit=PriceUnit.MONTH,
            amount=Decimal(amount),
            valid_from=since,
        )
    volume = Sku.objects.create(
        code="volume.standard",
        name_nl="Schijf, standaard",
        name_en="Disk, standard",
        service_category="Storage",
        service_subcategory="Block Storage",
    )
    Price.objects.create(
        price_list=prices,
        sku=volume,
        unit=PriceUnit.GIB_MONTH,
        amount=VOLUME_PRICE,
        valid_from=since,
    )


def _load_limits(node: Node, since: datetime) -> None:
    level = {"project": 0, "organization": 1}[node.kind] if node.parent_id else 2
    for metric, amounts in LIMITS.items():
        set_limit(node, metric, Decimal(amounts[level]), valid_from=since)
