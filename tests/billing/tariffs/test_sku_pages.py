"""The pages of SKUs: what there is, what is missing, and adding, changing and removing."""

from __future__ import annotations

from urllib.parse import quote
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from billing import asked_skus
from billing.asked_skus import Asker
from billing.meters import Measure, Meter
from billing.models import SHARED_SKU, Sku
from billing.services.metering import UsageTime, start_metering
from billing.services.split_reading import shared_sku
from portal.identity.models import Role
from tests.billing.downloads import download
from tests.billing.tariffs.conftest import DISK, SERVER
from tests.billing.test_cost_pages import cells, text_of
from tests.billing.visits import visit_as
from tests.factories import CloudFactory, PersonFactory, grant, make_organization, make_project
from tests.factories.billing import MeteredResourceFactory, SkuFactory, UsageSpanFactory, set_price

pytestmark = pytest.mark.django_db
LIST, NEW = "/costs/tariffs/skus", "/costs/tariffs/new-sku"
CODE, TRAFFIC = "server.g1.large", "load_balancer.traffic"
NO_PRICE = "No price"


@pytest.fixture(autouse=True)
def asked(monkeypatch):
    """What the catalogue asks for; a test fills it."""
    found = {}
    monkeypatch.setattr(asked_skus, "_FINDERS", [lambda _person: found])
    return found


@pytest.fixture
def finance(treasury):
    return visit_as(treasury.first)


@pytest.fixture
def auditor(treasury):
    return visit_as(treasury.auditor)


@pytest.fixture
def answers():
    return {
        "code": CODE,
        "name_nl": "Server met GPU",
        "name_en": "Server with GPU",
        "service_subcategory": "Virtual Machines",
    }


def edit(code):
    return f"/costs/tariffs/edit-sku/{quote(code)}"


def remove(code):
    return f"/costs/tariffs/remove-sku/{quote(code)}"


# --- the list ----------------------------------------------------------------------------------


def test_the_list_says_what_each_costs_and_whether_it_is_used(auditor):
    price = set_price("38.40")
    tenant = make_organization(name="Dienst")
    set_price("0.085", sku=DISK, unit="gib_month", organization=tenant)
    SkuFactory(code=CODE, service_category="Other", service_subcategory="Other (Other)")
    UsageSpanFactory(resource=MeteredResourceFactory(project=make_project(tenant)), sku=price.sku)
    shared_sku()

    page = auditor.get(LIST)

    category = "Compute Virtual Machines"
    assert cells(page, "skus")[1:] == [
        [f"{CODE} (en) {CODE}", "Other costs Other (Other)", NO_PRICE, "No"],
        [f"{SERVER} (en) {SERVER}", category, "€38.40 per month", "Yes"],
        [
            *(f"{DISK} (en) {DISK}", category),
            *("No price for everybody 1 organization has a price of its own", "No"),
        ],
    ]
    assert f"{LIST}/{SERVER}" in page.content.decode()
    assert f"{LIST}/{CODE}" not in page.content.decode()  # it has no history


def test_what_is_measured_is_in_use_also_while_nothing_was_counted(auditor):
    set_price("0.01", sku=TRAFFIC, unit="gib")
    moment = now()
    resource = start_metering(
        public_id=uuid4(),
        project=make_project(),
        cloud=CloudFactory(),
        kind="load_balancer",
        name="web",
        openstack_id="balancer-1",
        meters=[Meter.measured(TRAFFIC, Measure.TRAFFIC)],
        time=UsageTime(cloud=None, intended=moment, observed=moment),
    )

    def is_in_use():
        return cells(auditor.get(LIST), "skus")[1][-1]

    assert is_in_use() == "Yes"
    resource.measured_uses.update(ended_at=F("started_at"))
    assert is_in_use() == "No"


def test_the_file_has_what_the_page_shows(finance, asked):
    set_price("38.40")
    SkuFactory(code=CODE)
    asked["router"] = [Asker(name="Network"), Asker(name="Router")]

    rows = download(finance, finance.get(LIST))

    places = [rows[0].index(name) for name in ("SKU", "Price for everybody", "In use")]
    assert [[row[place] for place in places] for row in rows[1:]] == [
        [CODE, NO_PRICE, "No"],
        [SERVER, "38.4", "No"],
        ["router", "Does not exist yet", ""],
    ]
    assert rows[3][-1] == "Network, Router"


def test_any_number_of_skus_takes_as_many_queries(finance):
    def count():
        with CaptureQueriesContext(connection) as found:
            finance.get(LIST)
        return len(found)

    set_price("38.40")
    few = count()
    for number in range(20):
        set_price("1.00", sku=f"server.g{number}")
    assert count() == few


def test_who_sees_costs_elsewhere_sees_no_skus(treasury):
    person = PersonFactory()
    grant(person, Role.FINANCE, make_organization(name="Dienst"))
    visit = visit_as(person)
    SkuFactory(code=CODE)

    assert visit.get(LIST).status_code == 403
    assert visit.get(f"{LIST}.csv").status_code == 403
    assert visit.get(NEW).status_code == 403
    assert visit.get(edit(CODE)).status_code == 404
    assert LIST not in visit.get("/costs/tariffs").content.decode()


def test_an_auditor_reads_and_changes_nothing(auditor, answers):
    SkuFactory(code=CODE)

    assert "edit-sku" not in auditor.get(LIST).content.decode()
    assert LIST in auditor.get("/costs/tariffs").content.decode()
    for method, path in (
        *((auditor.get, path) for path in (NEW, edit(CODE))),
        *((auditor.post, path) for path in (NEW, edit(CODE), remove(CODE))),
    ):
        assert method(path, answers).status_code == 403
    assert Sku.objects.get().name_en == f"{CODE} (en)"


# --- what is missing ---------------------------------------------------------------------------


def test_what_the_catalogue_asks_for_leads_to_the_form(finance, auditor, asked):
    SkuFactory(code=SERVER)
    code = "server.gpu & groot/a#1"
    asked[code] = [Asker(name="Server met GPU", url="/catalogue/manage/x")]
    asked[SERVER] = [Asker(name="Virtuele server")]
    page = finance.get(LIST)

    assert f"{code} needed for Server met GPU Add {code}" in text_of(page)
    assert "Virtuele server" not in text_of(page)
    assert '<a href="/catalogue/manage/x">Server met GPU</a>' in page.content.decode()
    link = f"{NEW}?code={quote(code, safe='')}"
    assert link in page.content.decode()
    form = finance.get(link).context["form"]
    assert form["code"].value() == code
    assert NEW not in auditor.get(LIST).content.decode()


def test_the_form_begins_with_the_category_of_what_is_alike(finance):
    SkuFactory(code=DISK, service_category="Storage", service_subcategory="Block Storage")

    def begun(code):
        form = finance.get(NEW, {"code": code}).context["form"]
        return form["service_subcategory"].value()

    assert begun("volume.ssd") == "Block Storage"
    assert [begun(code) for code in ("server.x", "volume", "", "volume\x00.x")] == [None] * 4


# --- adding, changing, removing ----------------------------------------------------------------


def test_what_is_added_stands_in_the_list_and_in_the_form_of_a_round(finance, answers):
    page = finance.post(NEW, answers, follow=True)

    assert page.redirect_chain == [(LIST, 302)]
    assert "Added. It has no price yet" in text_of(page)
    assert cells(page, "skus")[1][:3] == [
        f"Server with GPU {CODE}",
        "Compute Virtual Machines",
        NO_PRICE,
    ]
    assert f'name="prices.{CODE}"' in finance.get("/costs/tariffs/rounds/new").content.decode()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("code", "Server", "Begin with a small letter"),
        ("code", SHARED_SKU, "shared"),
        ("code", "", "Fill this in."),
        ("name_nl", "a\u202eb", "cannot be shown"),
        ("name_en", "", "Fill this in."),
        ("service_subcategory", "Koffie", "Choose one of these."),
    ],
)
def test_what_is_wrong_is_told_at_its_field_and_what_was_typed_stays(
    finance, answers, field, value, said
):
    page = finance.post(NEW, {**answers, field: value})

    assert page.status_code == 422
    assert said in page.context["form"].errors[field][0]
    assert page.context["form"]["name_nl"].value() == {**answers, field: value}["name_nl"]
    assert not Sku.objects.exists()


@pytest.mark.parametrize("field", ["code", "name_nl", "name_en", "service_subcategory"])
def test_a_zero_character_is_a_mistake_and_no_defect(finance, answers, field):
    assert finance.post(NEW, {**answers, field: "a\x00b"}).status_code == 422


def test_a_change_shows_in_the_list(finance, answers):
    SkuFactory(code="server.gpu/a 100")
    page = finance.get(edit("server.gpu/a 100"))
    assert "code" not in page.context["form"].fields

    page = finance.post(edit("server.gpu/a 100"), answers | {"code": "other"}, follow=True)

    assert "This is saved." in text_of(page)
    assert cells(page, "skus")[1][0] == "Server with GPU server.gpu/a 100"


def test_a_mistyped_one_is_removed(finance):
    SkuFactory(code=CODE)
    assert remove(CODE) in finance.get(edit(CODE)).content.decode()

    page = finance.post(remove(CODE), follow=True)

    assert "Removed." in text_of(page)
    assert not Sku.objects.exists()


def test_what_has_a_price_cannot_be_removed(finance):
    set_price("38.40")
    assert remove(SERVER) not in finance.get(edit(SERVER)).content.decode()

    page = finance.post(remove(SERVER))

    assert page.status_code == 409
    assert "so it stays in the price list" in text_of(page)


@pytest.mark.parametrize("code", [SHARED_SKU, "server.unknown", "server.\x00"])
def test_of_what_there_is_not_there_are_no_pages(finance, answers, code):
    shared_sku()

    assert finance.get(edit(code)).status_code == 404
    assert finance.post(edit(code), answers).status_code == 404
    assert finance.post(remove(code)).status_code == 404


def test_in_dutch(treasury, asked):
    asked[CODE] = [Asker(name="Server")]
    page = visit_as(treasury.first, "nl").get(LIST)

    assert "De catalogus heeft deze nodig, en ze bestaan nog niet" in text_of(page)
