"""Which SKUs the catalogue asks for, told to who sees to prices."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from django.utils.translation import override

from billing.asked_skus import missing_skus
from billing.services.skus import SkuSays, add_sku
from billing.services.tariff_drafts import NewPrice, RoundSays
from billing.services.tariffs import confirm_round, propose_round
from catalog.models import Offering, OfferingVersionState
from catalog.services.offering_checks import problems_of
from portal.core.calendar import month_of
from portal.identity.models import Role
from tests.billing.visits import visit_as
from tests.catalog.views.ordering import text_of
from tests.factories import (
    CloudFactory,
    OfferingVersionFactory,
    PersonFactory,
    end_price,
    grant,
    priced,
    withdrawn,
)

pytestmark = pytest.mark.django_db
SKUS = "/costs/tariffs/skus"
DISK, SERVER = "volume.standard", "server.gp.small"
BUTTON = "See which SKUs have no price or do not exist yet"


@pytest.fixture
def finance(platform):
    return member(platform, Role.FINANCE)


def member(platform, *roles):
    person = PersonFactory()
    for role in roles:
        grant(person, role, platform.organization)
    return person


def missing(person):
    """The names of what asks for it, by code."""
    with override("en"):
        return {one.code: [asker.name for asker in one.askers] for one in missing_skus(person)}


def offered(code, kind="server", **changes):
    return OfferingVersionFactory(offering=Offering.objects.create(code=code, kind=kind), **changes)


# --- what asks ---------------------------------------------------------------------------------


def test_what_is_published_or_drafted_asks_until_it_exists(finance):
    published = OfferingVersionFactory()
    OfferingVersionFactory(
        offering=published.offering, state=OfferingVersionState.DRAFT, name_en="Server, renewed"
    )

    both = ["Virtual server", "Server, renewed (draft)"]
    assert missing(finance) == {SERVER: both, DISK: both}

    priced(**{SERVER: "38.40"})
    end_price(SERVER)
    assert missing(finance) == {DISK: both}  # what exists can get a price


def test_what_was_withdrawn_asks_for_nothing(finance):
    withdrawn(OfferingVersionFactory())

    assert missing(finance) == {}


def test_a_draft_that_is_not_whole_asks_for_nothing_yet(finance):
    offered("begun", state=OfferingVersionState.DRAFT, choices={})
    OfferingVersionFactory(state=OfferingVersionState.DRAFT).cloud.images.update(gone_at=now())

    assert missing(finance) == {}


def test_what_is_published_asks_also_when_one_of_its_choices_left_the_cloud(finance):
    version = OfferingVersionFactory()
    version.cloud.flavors.create(name="g1.large", vcpus=8, memory_mib=8192, disk_gib=40)
    choices = {**version.choices, "flavors": ["gp.small", "g1.large"]}
    version.cloud.flavors.filter(name="gp.small").update(gone_at=now())
    offered("gpu", cloud=version.cloud, choices=choices, name_en="GPU")

    assert missing(finance) == {"server.g1.large": ["GPU"], DISK: ["GPU"]}


def test_any_number_of_offerings_takes_as_many_queries(finance):
    def count():
        with CaptureQueriesContext(connection) as found:
            missing(finance)
        return len(found)

    cloud = OfferingVersionFactory().cloud
    few = count()
    for number in range(6):
        offered(f"server-{number}", cloud=cloud if number % 2 else CloudFactory())
    assert count() == few


# --- the way to a price ------------------------------------------------------------------------


def test_what_is_new_in_the_cloud_gets_its_price_without_a_script(platform, finance):
    """The security group came without a SKU; so does every flavor that is new."""
    draft = offered("group", "security_group", state=OfferingVersionState.DRAFT, choices={})
    assert missing(finance) == {"security_group": ["Virtual server (draft)"]}

    says = SkuSays(
        name_nl="Beveiligingsgroep",
        name_en="Security group",
        service_category="Networking",
        service_subcategory="Network Security",
    )
    add_sku("security_group", says, actor=finance)
    assert missing(finance) == {}
    assert "security_group" in problems_of(draft)[0]

    price = NewPrice(sku="security_group", unit="month", amount=Decimal(0))
    begun = RoundSays(name="Groepen", valid_from=month_of(now()).start, prices=[price])
    waiting = propose_round(begun, actor=finance)
    confirm_round(waiting.public_id, actor=member(platform, Role.FINANCE))
    assert problems_of(draft) == []


def test_a_draft_without_a_price_leads_there_whoever_sees_prices(platform):
    draft = OfferingVersionFactory(state=OfferingVersionState.DRAFT)
    path = f"/catalogue/manage/versions/{draft.public_id}"
    both = visit_as(member(platform, Role.OPERATOR, Role.FINANCE))

    assert BUTTON in text_of(both.get(path))
    assert f'href="{SKUS}"' in both.get(path).content.decode()
    assert BUTTON in text_of(both.post(f"{path}/propose"))
    assert BUTTON in text_of(visit_as(platform.auditor).get(path))
    assert BUTTON not in text_of(visit_as(platform.drafter).get(path))

    priced()
    assert BUTTON not in text_of(both.get(path))


def test_what_asks_leads_to_its_page_whoever_may_see_that(platform, finance):
    version = OfferingVersionFactory()
    path = f"/catalogue/manage/versions/{version.public_id}"

    assert path in visit_as(platform.auditor).get(SKUS).content.decode()
    page = visit_as(finance).get(SKUS)
    assert path not in page.content.decode()
    assert "Virtual server" in text_of(page)
