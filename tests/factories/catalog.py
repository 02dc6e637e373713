"""A cloud with an offering in it, and orders for it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import uuid4

import factory
from django.db import transaction
from django.utils.timezone import now

from billing.models import Price, PriceList, PriceUnit, Sku
from catalog.models import (
    Metric,
    Offering,
    OfferingVersion,
    OfferingVersionState,
    Operation,
    OperationState,
    Order,
    PlacementDecision,
    PlacementVerdict,
    Publication,
    PublicationState,
    Quota,
    QuotaLimit,
    Resource,
    StepState,
)
from catalog.services.approvals import approve_order
from catalog.services.operations import fail_operation, lock_order_and_resource
from catalog.services.order_lines import LineRequest
from catalog.services.orders import place_order
from catalog.services.resources import activate_resource
from portal.cloud.models import Cloud, Flavor, Image, VolumeType
from portal.core.calendar import whole_second, year_of
from portal.identity.models import Node, Person, Project
from tests.factories.placement import assessed

_names = count(1)


class CloudFactory(factory.django.DjangoModelFactory):
    """A cloud that was assessed, with one flavor, image and volume type."""

    class Meta:
        model = Cloud
        django_get_or_create = ["key"]
        skip_postgeneration_save = True  # the hook makes other rows

    key = "sovereign"
    name = "Overheidsdatacenter Noord"
    region = "nl-west-1"

    @factory.post_generation
    def inventory(self: Cloud, create: bool, extracted: Any, **kwargs: Any) -> None:
        Flavor.objects.get_or_create(
            cloud=self,
            name="gp.small",
            defaults={"vcpus": 2, "memory_mib": 4096, "disk_gib": 20, "openstack_id": "flavor-1"},
        )
        Image.objects.get_or_create(
            cloud=self, name="Debian 12", defaults={"openstack_id": "image-1"}
        )
        VolumeType.objects.get_or_create(
            cloud=self, name="standard", defaults={"openstack_id": "type-1"}
        )

    @factory.post_generation
    def assessment(self: Cloud, create: bool, extracted: Any, **kwargs: Any) -> None:
        if not self.supply_profiles.exists():
            assessed(self)


class OfferingVersionFactory(factory.django.DjangoModelFactory):
    """The published virtual server, as two people made it; ``visible_to``: organizations."""

    class Meta:
        model = OfferingVersion

    offering = factory.LazyFunction(
        lambda: Offering.objects.get_or_create(code="virtual-server", kind="server")[0]
    )
    number = factory.LazyAttribute(lambda version: version.offering.versions.count() + 1)
    state = OfferingVersionState.PUBLISHED
    name_nl = "Virtuele server"
    name_en = "Virtual server"
    description_nl = "Een server."
    description_en = "A server."
    cloud = factory.SubFactory(CloudFactory)
    choices = {
        "flavors": ["gp.small"],
        "images": ["Debian 12"],
        "networks": [
            {"name": "intern", "label_nl": "Intern", "label_en": "Internal", "cidr": "10.20.4.0/24"}
        ],
        "volume_types": ["standard"],
        "volume_gib": {"minimum": 10, "maximum": 500, "default": 40},
    }

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **values: Any) -> OfferingVersion:
        """The database wants a draft first, and somebody who confirms it."""
        state = values.pop("state", OfferingVersionState.PUBLISHED)
        visible_to = values.pop("visible_to", ())
        version: OfferingVersion = super()._create(model_class, *args, **values)
        version.visible_to.set(visible_to)
        if state != OfferingVersionState.DRAFT:
            published(version)
        if state == OfferingVersionState.WITHDRAWN:
            withdrawn(version)
        return version


def published(version: OfferingVersion) -> OfferingVersion:
    """One person proposed the draft, and another confirmed it."""
    moment = now()
    publication = Publication.objects.create(
        version=version, proposed_by=_made("Samensteller"), proposed_at=moment
    )
    publication.state, publication.decided_at = PublicationState.CONFIRMED, moment
    publication.decided_by = _made("Uitgever")
    publication.save(update_fields=["state", "decided_at", "decided_by"])
    version.state = OfferingVersionState.PUBLISHED
    version.save(update_fields=["state"])
    return version


def withdrawn(version: OfferingVersion) -> OfferingVersion:
    """Nothing new is ordered of it."""
    version.state, version.withdrawn_at = OfferingVersionState.WITHDRAWN, now()
    version.withdrawn_by = _made("Uitgever")
    version.save(update_fields=["state", "withdrawn_by", "withdrawn_at"])
    return version


def reoffered(version: OfferingVersion, **choices: Any) -> OfferingVersion:
    """The next version, with other choices, in the place of a published one."""
    withdrawn(version)
    changed = {**version.choices, **choices}
    return OfferingVersionFactory(offering=version.offering, cloud=version.cloud, choices=changed)


def with_longest_term(version: OfferingVersion, *, days: int) -> OfferingVersion:
    """The next version, that may be had for so long, in the place of a published one."""
    withdrawn(version)
    return OfferingVersionFactory(
        offering=version.offering,
        cloud=version.cloud,
        choices=version.choices,
        maximum_term_days=days,
    )


def _made(name: str) -> Person:
    """One of the two who make the catalogue of the tests."""
    return Person.objects.get_or_create(name=name, defaults={"is_active": False})[0]


SPEC = {"flavor": "gp.small", "image": "Debian 12", "network": "intern", "volume_gib": 40}


def priced(**amounts: str) -> None:
    """Prices by SKU code since the beginning of the year; without names those of a small server."""
    since = year_of(now()).start
    for code, amount in (
        amounts or {"server.gp.small": "38.40", "volume.standard": "0.085"}
    ).items():
        sku, _ = Sku.objects.get_or_create(
            code=code,
            defaults={
                "name_nl": code,
                "name_en": code,
                "service_category": "Compute",
                "service_subcategory": "Virtual Machines",
            },
        )
        Price.objects.create(
            price_list=PriceList.objects.get_or_create(name="Tarieven")[0],
            sku=sku,
            unit=PriceUnit.GIB_MONTH if code.startswith("volume.") else PriceUnit.MONTH,
            amount=Decimal(amount),
            valid_from=since,
        )


def end_price(code: str) -> Price:
    """From now on the SKU has no price; what it cost before stays known."""
    with transaction.atomic():  # begun before “now”, or its second could be past for the database
        prices = Price.objects.select_related("sku", "price_list")
        price = prices.get(sku__code=code, valid_until=None)
        price.valid_until = whole_second(now())
        price.save(update_fields=["valid_until"])
    return price


def change_price(code: str, amount: str, *, unit: PriceUnit | None = None) -> None:
    """From now on the SKU costs another amount; what it cost before stays known."""
    price = end_price(code)
    Price.objects.create(
        price_list=price.price_list,
        sku=price.sku,
        unit=unit or price.unit,
        amount=Decimal(amount),
        valid_from=price.valid_until,
    )


def generous_limits(node: Node, **limits: int) -> None:
    """A high limit for every metric on the node and all above it; ``limits`` are the node's own.

    Nodes that have limits already, of a sibling's doing, keep theirs. All may overcommit.
    """
    since = now() - timedelta(days=1)
    limited = set(Quota.objects.values_list("node_id", flat=True))
    quotas = Quota.objects.bulk_create(
        Quota(
            node_id=node_id,
            metric=metric,
            limit_now=limits.get(metric.value, 10_000) if node_id == node.pk else 10_000,
            overcommit_allowed=True,
        )
        for node_id in node.lineage_ids
        if node_id not in limited
        for metric in Metric
    )
    QuotaLimit.objects.bulk_create(
        QuotaLimit(quota=quota, amount=quota.limit_now, valid_from=since) for quota in quotas
    )


def place(
    requested_by: Person, project: Project, version: OfferingVersion, **changes: Any
) -> Order:
    """Submit an order for one server; ``changes`` replace name, spec, end_date, tags, key or
    purpose.
    """
    line = LineRequest(
        version=version,
        name=changes.pop("name", f"server-{next(_names)}"),
        spec=changes.pop("spec", SPEC),
        end_date=changes.pop("end_date", None),
        tags=changes.pop("tags", {}),
    )
    order, _ = place_order(
        requested_by=requested_by,
        project=project,
        purpose=changes.pop("purpose", "Zaken behandelen"),
        lines=[line],
        idempotency_key=changes.pop("key", str(uuid4())),
    )
    return order


def place_lines(
    requested_by: Person,
    project: Project,
    *lines: LineRequest,
    purpose: str = "Zaken behandelen",
    key: str = "",
) -> Order:
    """Submit an order for several things."""
    order, _ = place_order(
        requested_by=requested_by,
        project=project,
        purpose=purpose,
        lines=lines,
        idempotency_key=key or str(uuid4()),
    )
    return order


def asked(version: OfferingVersion, name: str, **changes: Any) -> LineRequest:
    """One line that asks for a server; ``changes`` replace its spec or end date."""
    return LineRequest(
        version=version,
        name=name,
        spec=changes.pop("spec", SPEC),
        end_date=changes.pop("end_date", None),
    )


def place_whole(
    requested_by: Person, project: Project, server: OfferingVersion, **changes: Any
) -> Order:
    """Submit an order for a whole that is made of one server; ``changes`` as for ``place``."""
    part = {"key": "server", "offering": server.offering.code, "name": "{name}-01", "after": []}
    asked = {"name": "flavor", "label_nl": "Grootte", "label_en": "Size"}
    design = {
        "parameters": [asked],
        "parts": [{**part, "spec": {**SPEC, "flavor": {"ask": "flavor"}}}],
    }
    offering, is_new = Offering.objects.get_or_create(code="whole", kind="blueprint")
    if is_new:
        OfferingVersionFactory(offering=offering, cloud=server.cloud, choices={"design": design})
    version = offering.versions.select_related("offering", "cloud").get()
    return place(requested_by, project, version, spec={"flavor": SPEC["flavor"]}, **changes)


def place_group(
    requested_by: Person, project: Project, server: OfferingVersion, **changes: Any
) -> Order:
    """Submit an order for a security group that lets in the web; ``changes`` as for ``place``."""
    offering, is_new = Offering.objects.get_or_create(code="group", kind="security_group")
    if is_new:
        priced(security_group="0.00")
        OfferingVersionFactory(offering=offering, cloud=server.cloud, choices={})
    version = offering.versions.select_related("offering", "cloud").get()
    usual = {"name": "web", "spec": {"rules": "tcp 443 0.0.0.0/0"}}
    return place(requested_by, project, version, **{**usual, **changes})


def delivered(order: Order, *, approver: Person) -> Resource:
    """Approve the order and let its server run, metered since just now."""
    return finished(_approved(order, approver))


def finished(operation: Operation) -> Resource:
    """Let the delivery come to its end; what it delivered is metered since just now."""
    operation.steps.update(state=StepState.DONE, finished_at=now())
    operation.state, operation.finished_at = OperationState.SUCCEEDED, now()
    operation.save(update_fields=["state", "finished_at"])
    with transaction.atomic():
        resource = lock_order_and_resource(operation.resource)
        resource.facts = {"status": "ACTIVE"}
        resource.save(update_fields=["facts"])
        activate_resource(resource, operation=operation)
    return resource


def begun(order: Order, *, approver: Person) -> Operation:
    """Approve the order; the first step of its delivery waits for a worker."""
    return _approved(order, approver)


def stuck(order: Order, *, approver: Person) -> Operation:
    """Approve the order and let its delivery fail at the first step: a person must look."""
    return failed(_approved(order, approver))


def failed(operation: Operation) -> Operation:
    """Let the operation fail at its first step."""
    operation.steps.filter(position=1).update(state=StepState.FAILED)
    fail_operation(operation)
    return operation


def _approved(order: Order, approver: Person) -> Operation:
    approve_order(order.public_id, approver=approver)
    return Operation.objects.select_related("resource__order_line__order").get(
        resource__order_line__order=order
    )


def decided_for(project: Project, cloud: Cloud) -> PlacementDecision:
    """That what is in the project may stand in the cloud, as the database asks of each resource."""
    return PlacementDecision.objects.create(
        project=project, cloud=cloud, verdict=PlacementVerdict.ALLOWED, decided_at=now()
    )


def put_elsewhere(resource: Resource, project: Project) -> None:
    """As nothing in the portal does: the resource is in that project from now on."""
    placement = decided_for(project, resource.cloud_project.cloud)
    Resource.objects.filter(pk=resource.pk).update(project=project, placement=placement)
