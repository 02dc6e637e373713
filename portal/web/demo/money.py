"""Prices, limits and budgets."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from billing.models import Budget, Price, PriceList, PriceUnit, Sku
from catalog.models import Metric
from catalog.services.limits import set_limit
from portal.identity.models import Node

# SKU: names, FOCUS service category and subcategory, unit, price in euros
_SERVER: Final = ("Compute", "Virtual Machines", PriceUnit.MONTH)
_DISK: Final = ("Storage", "Block Storage", PriceUnit.GIB_MONTH)
_OBJECTS: Final = ("Storage", "Object Storage", PriceUnit.GIB_MONTH)
_NETWORK: Final = ("Networking", "Network Infrastructure", PriceUnit.MONTH)
_BALANCER: Final = ("Networking", "Application Networking", PriceUnit.MONTH)
_TRAFFIC: Final = ("Networking", "Application Networking", PriceUnit.GIB)
_ROUTING: Final = ("Networking", "Network Routing", PriceUnit.MONTH)
SKUS: Final = {
    "server.gp.small": ("Server, klein", "Server, small", *_SERVER, "38.40"),
    "server.gp.medium": ("Server, middel", "Server, medium", *_SERVER, "76.80"),
    "server.gp.large": ("Server, groot", "Server, large", *_SERVER, "153.60"),
    "server.gp.xlarge": ("Server, extra groot", "Server, extra large", *_SERVER, "307.20"),
    "volume.standard": ("Schijf, standaard", "Disk, standard", *_DISK, "0.085"),
    "snapshot": ("Snapshot van een schijf", "Snapshot of a disk", *_DISK, "0.050"),
    "backup": ("Back-up van een schijf", "Backup of a disk", *_OBJECTS, "0.030"),
    "image": ("Image van een server", "Image of a server", *_OBJECTS, "0.040"),
    "network": ("Privénetwerk", "Private network", *_NETWORK, "1.20"),
    "router": ("Router naar buiten", "Router to the outside", *_NETWORK, "4.80"),
    "security_group": ("Beveiligingsgroep", "Security group", *_NETWORK, "0.00"),
    "floating_ip": ("Publiek adres", "Public address", *_NETWORK, "2.90"),
    "load_balancer": ("Load balancer", "Load balancer", *_BALANCER, "18.00"),
    "object": ("Objectopslag", "Object storage", *_OBJECTS, "0.021"),
    "object.used": ("Objectopslag naar gebruik", "Object storage by use", *_OBJECTS, "0.023"),
    "load_balancer.traffic": (
        *("Verkeer van een load balancer", "Traffic of a load balancer", *_TRAFFIC, "0.01"),
    ),
    "dns_zone": ("DNS-zone", "DNS zone", *_ROUTING, "0.50"),
    "environment.vcpus": ("Omgeving, processor", "Environment, processor", *_SERVER, "9.60"),
    "environment.memory_gib": (
        "Omgeving, GiB geheugen",
        "Environment, GiB memory",
        *_SERVER,
        "4.80",
    ),
    "environment.volume_gib": ("Omgeving, schijf", "Environment, disk", *_DISK, "0.085"),
    "environment.object_gib": ("Omgeving, objecten", "Environment, objects", *_OBJECTS, "0.021"),
    "environment.floating_ips": (
        *("Omgeving, publiek adres", "Environment, public address", *_NETWORK, "2.90"),
    ),
    "environment.load_balancers": (
        *("Omgeving, load balancer", "Environment, load balancer", *_BALANCER, "18.00"),
    ),
}

# What a project, a directorate and a ministry or municipality may hold, enough to hand out below.
LIMITS: Final = {
    Metric.SERVERS: (20, 60, 200),
    Metric.VCPUS: (40, 160, 500),
    Metric.MEMORY_GIB: (96, 384, 1200),
    Metric.VOLUMES: (40, 120, 400),
    Metric.VOLUME_GIB: (2000, 8000, 25000),
    Metric.SNAPSHOTS: (20, 60, 200),
    Metric.NETWORKS: (5, 20, 70),
    Metric.ROUTERS: (3, 10, 35),
    Metric.FLOATING_IPS: (5, 15, 50),
    Metric.LOAD_BALANCERS: (3, 10, 35),
    Metric.OBJECT_GIB: (1000, 5000, 16000),
    Metric.DNS_ZONES: (5, 20, 70),
    Metric.MONTHLY_COST_EUR: (1500, 6000, 20000),
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
    for code, (name_nl, name_en, category, subcategory, unit, amount) in SKUS.items():
        sku = Sku.objects.create(
            code=code,
            name_nl=name_nl,
            name_en=name_en,
            service_category=category,
            service_subcategory=subcategory,
        )
        Price.objects.create(
            price_list=prices, sku=sku, unit=unit, amount=Decimal(amount), valid_from=since
        )


def _load_limits(node: Node, since: datetime) -> None:
    level = {"project": 0, "organization": 1}[node.kind] if node.parent_id else 2
    for metric, amounts in LIMITS.items():
        set_limit(node, metric, Decimal(amounts[level]), valid_from=since, actor=None)
