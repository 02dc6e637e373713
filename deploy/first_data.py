"""An example of what a new installation needs before the first order: edit it, then run it once.

    python manage.py shell < deploy/first_data.py

It adds one organisation with one project, their limits, one cloud, prices and an offering. The
names of flavors, images and volume types are those of the cloud; beat notes their sizes within a
minute. Every size and volume type needs a SKU: ``server.FLAVOR`` and ``volume.TYPE``. So does every
kind that you offer beside them, also where you ask no money for it, as for ``security_group``.
Later ones are added under Costs, Tariffs, SKUs.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.utils.timezone import localdate

from billing.models import Price, PriceList, PriceUnit, Sku
from catalog.models import Metric, Offering, OfferingVersion, OfferingVersionState
from catalog.placement import Link, Supply
from catalog.placement_words import (
    BaseRegister,
    Hosting,
    Keys,
    Objective,
    PersonalData,
    Rubricering,
    Score,
)
from catalog.services.limits import set_limit
from catalog.services.placement import Answers, write_profile, write_supply
from portal.cloud.models import Cloud
from portal.core.calendar import BUSINESS_TIME
from portal.identity.models import CostCentre, Node, Person, VatTreatment, VatTreatmentPeriod
from portal.identity.services.tree import create_organization, create_project

SINCE = datetime(2026, 1, 1, tzinfo=BUSINESS_TIME)

with transaction.atomic():
    ministry = create_organization(
        code="mwb",
        name="Ministerie van Water en Bodem",
        oin="00000001003214345000",
        parent=None,
        actor=None,
    )
    VatTreatmentPeriod.objects.create(
        organization=ministry, treatment=VatTreatment.OUTSIDE_SCOPE, valid_from=SINCE
    )
    project = create_project(
        code="zaaksysteem",
        name="Zaaksysteem",
        parent=ministry,
        actor=None,
    )
    # what is known of its data: see docs/placement.md
    write_profile(
        project,
        Answers(
            is_core_task=True,
            personal_data=PersonalData.SOME,
            has_special_data=False,
            availability=Score.LOW,
            integrity=Score.MIDDLE,
            confidentiality=Score.LOW,
            rubricering=Rubricering.NONE,
            base_register=BaseRegister.NO,
            is_workplace=False,
            is_vital=False,
            longest_outage_hours=72,
            review_on=localdate() + timedelta(days=365),
        ),
        actor=None,
    )
    CostCentre.objects.create(node=project, code="410210", name="Zaaksysteem", valid_from=SINCE)
    for node in Node.objects.all():
        for metric in Metric:  # None is without limit; no row is no quota
            set_limit(node, metric, Decimal(100), valid_from=SINCE, actor=None)

    cloud = Cloud.objects.create(
        key="sovereign",
        name="Overheidsdatacenter Noord",
        region="nl-west-1",
    )
    # what two people found out about the cloud
    proposer, decider = (
        Person.objects.create(name=name, is_active=False)
        for name in ("Hilde Storm", "Bram Verkerk")
    )
    write_supply(
        cloud,
        Supply(
            hosting=Hosting.GOVERNMENT,
            chain=(Link(name="Overheidsdatacenter Noord", jurisdiction="NL", is_operator=True),),
            locations=("NL",),
            keys=Keys.CUSTOMER,
            is_encrypted_at_rest=True,
            is_encrypted_in_transit=True,
            highest_protection_level=3,
            highest_rubricering=Rubricering.DEP_VERTROUWELIJK,
            admits_personal_data=True,
            admits_special_data=True,
            seals=tuple((objective, 3) for objective in Objective),
            valid_until=localdate() + timedelta(days=365),
            dependencies=(),
        ),
        by=(proposer, decider),
    )
    prices = PriceList.objects.create(name="Tarieven 2026")
    for code, category, subcategory, unit, amount in (
        ("server.gp.small", "Compute", "Virtual Machines", PriceUnit.MONTH, "38.40"),
        ("volume.standard", "Storage", "Block Storage", PriceUnit.GIB_MONTH, "0.085"),
        ("security_group", "Networking", "Network Infrastructure", PriceUnit.MONTH, "0.00"),
    ):
        sku = Sku.objects.create(
            code=code,
            name_nl=code,
            name_en=code,
            service_category=category,
            service_subcategory=subcategory,
        )
        Price.objects.create(
            price_list=prices, sku=sku, unit=unit, amount=Decimal(amount), valid_from=SINCE
        )
    OfferingVersion.objects.create(
        offering=Offering.objects.create(code="virtual-server", kind="server", position=1),
        number=1,
        state=OfferingVersionState.PUBLISHED,
        cloud=cloud,
        name_nl="Virtuele server",
        name_en="Virtual server",
        description_nl="Een server met een eigen schijf.",
        description_en="A server with a disk of its own.",
        choices={
            "flavors": ["gp.small"],
            "images": ["Debian 12"],
            "networks": [
                {
                    "name": "intern",
                    "label_nl": "Intern",
                    "label_en": "Internal",
                    "cidr": "10.20.4.0/24",
                },
            ],
            "volume_types": ["standard"],
            "volume_gib": {"minimum": 10, "maximum": 500, "default": 40},
        },
    )
