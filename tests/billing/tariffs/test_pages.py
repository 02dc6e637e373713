"""The pages of tariffs: what holds, what is planned, and agreeing on new prices."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils.timezone import now

from billing.models import Price, TariffRound
from billing.rating import Tier
from portal.core.calendar import last_day_before, month_of
from portal.identity.models import NodeParent, Role
from tests.billing.downloads import download
from tests.billing.tariffs.conftest import (
    DISK,
    SERVER,
    costs,
    last_month,
    month_ahead,
    price_at,
)
from tests.billing.test_cost_pages import cells, text_of
from tests.billing.visits import visit_as
from tests.factories import PersonFactory, grant, make_organization, make_project
from tests.factories.billing import MeteredResourceFactory, SkuFactory, UsageSpanFactory, set_price

pytestmark = pytest.mark.django_db
TARIFFS, ROUNDS, NEW = "/costs/tariffs", "/costs/tariffs/rounds", "/costs/tariffs/rounds/new"
PRICE, DISK_PRICE = f"prices.{SERVER}", f"prices.{DISK}"


@pytest.fixture(autouse=True)
def present(db):
    set_price("38.40")
    set_price("0.085", sku=DISK, unit="gib_month")


@pytest.fixture
def ministry(db):
    return make_organization(name="Ministerie van Proeven")


@pytest.fixture
def use(ministry):
    """A server that ran all of last month."""
    project = make_project(make_organization(ministry, name="Dienst"))
    long_ago = month_of(now()).start - timedelta(days=400)
    NodeParent.objects.update(valid_from=long_ago)
    UsageSpanFactory(
        resource=MeteredResourceFactory(project=project),
        started_at=month_of(now()).start - timedelta(days=100),
    )


@pytest.fixture
def first(treasury):
    return visit_as(treasury.first)


@pytest.fixture
def second(treasury):
    return visit_as(treasury.second)


@pytest.fixture
def answers():
    return {
        "name": "Tarieven 2027",
        "valid_from": month_ahead(1).strftime("%Y-%m"),
        PRICE: "40",
        DISK_PRICE: "",
    }


def member(role, node):
    person = PersonFactory()
    grant(person, role, node)
    return person


def typed_of(response):
    """The hidden fields of a page, as a browser sends them."""
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', text(response))
    return {name: value for name, value in fields if name != "csrfmiddlewaretoken"}


def text(response):
    return response.content.decode()


# --- what holds --------------------------------------------------------------------------------


def test_the_list_says_what_holds_and_what_is_planned(first, agreed):
    agreed(costs("40.5"))
    page = first.get(TARIFFS)

    begin = month_ahead(1)
    day = f"{begin.day} {begin:%B} {begin.year}"
    assert cells(page, "prices")[1] == [
        f"{SERVER} (en) {SERVER}",
        "Everybody",
        "€38.40 per month since 1 January 2025",
        f"€40.50 per month from {day}",
    ]
    assert cells(page, "prices")[2][2:] == [
        "€0.085 per GiB per month since 1 January 2025",
        "Nothing",
    ]


def test_an_own_price_that_ends_is_said(first, agreed, ministry):
    set_price("30", organization=ministry)
    agreed(costs(None), organization=ministry)
    page = first.get(TARIFFS)

    last = month_ahead(1) - timedelta(days=1)
    assert cells(page, "prices")[2][1] == "Ministerie van Proeven"
    assert cells(page, "prices")[2][3] == (
        f"This price ends after {last.day} {last:%B} {last.year} ."
    )


def test_the_history_of_one_sku_names_each_price_list(first, agreed):
    agreed(costs("40.123456"), name="Tarieven 2027")
    page = first.get(f"{TARIFFS}/skus/{SERVER}")

    rows = cells(page, "prices")[1:]
    assert [row[3:] for row in rows] == [
        ["€40.123456 per month", "Tarieven 2027", "Planned"],
        ["€38.40 per month", "Tarieven", "Holds now"],
    ]
    assert reverse("billing:tariff-round", args=[TariffRound.objects.get().public_id]) in text(page)


def test_the_list_can_be_downloaded_whole(first, agreed, monkeypatch):
    agreed(costs("40.5"))
    monkeypatch.setattr("billing.views.tariffs.PAGE_SIZE", 1)
    page = first.get(TARIFFS, {"page": "2"})

    _head, *rows = download(first, page)

    begin = month_ahead(1).date().isoformat()
    last = (month_ahead(1) - timedelta(days=1)).date().isoformat()
    assert [row[0] for row in rows] == [SERVER, SERVER, DISK]
    assert [row[2:] for row in rows[:2]] == [
        [
            *("Everybody", "2025-01-01", last, "Holds now"),
            *("0", "38.4", "per month", "0", "Tarieven"),
        ],
        ["Everybody", begin, "", "Planned", "0", "40.5", "per month", "0", "Tarieven later"],
    ]


def test_the_history_can_be_downloaded(first, ministry):
    set_price("30", organization=ministry, until=last_month())
    page = first.get(f"{TARIFFS}/skus/{SERVER}")

    _head, *rows = download(first, page)

    assert [(row[2], row[5], row[7]) for row in rows] == [
        (ministry.name, "Past", "30"),
        ("Everybody", "Holds now", "38.4"),
    ]
    assert rows[0][4] == last_day_before(last_month()).isoformat()


def test_each_tier_of_a_price_has_a_row_in_its_file(first, agreed):
    tiers = (Tier(Decimal(100), Decimal("0.5")),)
    agreed(replace(costs("1", DISK, "gib_month"), tiers=tiers))

    _head, *rows = download(first, first.get(f"{TARIFFS}/skus/{DISK}"))

    assert [row[5:9] for row in rows] == [
        ["Planned", "0", "1", "per GiB per month"],
        ["Planned", "100", "0.5", "per GiB per month"],
        ["Holds now", "0", "0.085", "per GiB per month"],
    ]


def test_what_a_round_does_can_be_downloaded(use, proposed, second):
    waiting = proposed(costs("40"), costs("0.09", DISK, "gib_month"))
    page = second.get(f"{ROUNDS}/{waiting.public_id}")

    head, *lines = download(second, page, of="New prices")
    _head, *payers = download(second, page, of="Per organization")

    assert (head[0], head[10]) == ("Tariff round", "Note")
    assert {row[0] for row in [*lines, *payers]} == {waiting.title}
    assert [row[4:11] for row in lines] == [
        ["38.4", "per month", "0", "40", "per month", "0", ""],
        ["0.085", "per GiB per month", "0", "0.09", "per GiB per month", "0", ""],
    ]
    assert [row[11:] for row in lines] == [
        ["38.4", "40", "1.6", "4.2"],
        ["0", "0", "0", "Was nothing"],
    ]
    assert [row[1:] for row in payers] == [
        ["Dienst", "38.4", "40", "1.6", "4.2"],
        ["Total", "38.4", "40", "1.6", "4.2"],
    ]


def test_of_what_was_decided_only_the_prices_can_be_downloaded(use, agreed, second):
    decided = agreed(costs("40"))
    address = f"{ROUNDS}/{decided.public_id}"

    head, row = download(second, second.get(address), of="New prices")

    assert (len(head), row[7]) == (11, "40")
    assert "organizations.csv" not in text(second.get(address))
    assert second.get(f"{address}/organizations.csv").status_code == 404


@pytest.mark.parametrize("code", ["unicorn", "a/b", "x%00y"])
def test_there_is_no_history_of_what_does_not_exist(first, code):
    assert first.get(f"{TARIFFS}/skus/{code}").status_code == 404


@pytest.mark.parametrize("role", [Role.FINANCE, Role.APPROVER, Role.AUDITOR])
def test_people_see_the_prices_that_can_hold_for_them_alone(treasury, ministry, role):
    agency = make_organization(ministry, name="Agentschap")
    make_organization(name="Elders")
    for organization in (ministry, agency, make_organization(agency, name="Onderdeel")):
        set_price("30", organization=organization)
    set_price("31", organization=make_organization(ministry, name="Zusje"))
    set_price("1", sku="hidden", organization=make_organization(name="Gemeente"))
    client = visit_as(member(role, agency))

    whom = [row[1] for row in cells(client.get(TARIFFS), "prices")[1:]]
    assert whom == ["Everybody", "Agentschap", "Ministerie van Proeven", "Onderdeel", "Everybody"]
    history = client.get(f"{TARIFFS}/skus/{SERVER}")
    assert "Zusje" not in text(history)
    assert client.get(f"{TARIFFS}/skus/hidden").status_code == 404
    assert client.get(ROUNDS).status_code == 403


def test_without_a_role_for_costs_nobody_sees_prices(treasury, ministry):
    client = visit_as(member(Role.REQUESTER, ministry))

    for address in (TARIFFS, f"{TARIFFS}/skus/{SERVER}", ROUNDS, NEW):
        assert client.get(address).status_code == 403


def test_queries_do_not_grow_with_prices(first, ministry, django_assert_max_num_queries):
    set_price("1", organization=ministry)
    with django_assert_max_num_queries(40) as few:
        first.get(TARIFFS)
    for number in range(4):
        set_price("1", sku=f"more-{number}", organization=make_organization())
    with django_assert_max_num_queries(len(few)):
        first.get(TARIFFS)


# --- drafting ----------------------------------------------------------------------------------


def test_from_form_by_preview_to_prices_that_hold(use, first, second, answers):
    preview = first.post(NEW, {**answers, "preview": "yes"})
    assert preview.status_code == 200
    shown = text_of(preview)
    assert "Difference +€1.60 +4.2%" in shown
    assert cells(preview, "payers")[1] == ["Dienst", "€38.40", "€40.00", "+€1.60", "+4.2%"]
    assert cells(preview, "lines")[1][1:] == [
        "€38.40 per month",
        "€40.00 per month",
        "€38.40",
        "€40.00",
        "+€1.60",
        "+4.2%",
    ]
    assert not TariffRound.objects.exists()

    proposed = first.post(NEW, {**typed_of(preview), "propose": "yes"})
    waiting = TariffRound.objects.get()
    assert proposed["Location"] == f"{ROUNDS}/{waiting.public_id}"
    own = text_of(first.get(proposed["Location"]))
    assert "Take the proposal back" in own
    assert "Confirm these prices" not in own

    assert "New prices: Tarieven 2027" in text_of(second.get("/"))
    assert "1 tariff round waits for your decision" in text_of(second.get(TARIFFS))
    deciding = second.get(f"{ROUNDS}/{waiting.public_id}")
    assert "Difference +€1.60 +4.2%" in text_of(deciding)
    second.post(f"{ROUNDS}/{waiting.public_id}/confirm")

    assert price_at(month_ahead(1)) == "40"
    assert "Confirmed: Eva Mulder" in text_of(second.get(ROUNDS))
    assert "New prices: Tarieven 2027" not in text_of(second.get("/"))


def test_back_to_the_form_keeps_what_was_typed(first, answers):
    preview = first.post(NEW, {**answers, PRICE: "40.10", "preview": "yes"})
    page = first.post(NEW, {**typed_of(preview), "edit": "yes"})

    assert page.status_code == 200
    assert 'value="40.10"' in text(page)
    assert 'value="Tarieven 2027"' in text(page)


def test_a_month_without_use_says_so(first, answers):
    page = text_of(first.post(NEW, {**answers, "preview": "yes"}))

    assert "Nothing was used in" in page


def test_prices_of_one_organization_and_the_end_of_one(use, first, second, ministry, answers):
    set_price("30", organization=ministry)
    form = first.get(NEW, {"organization": str(ministry.public_id)})
    assert "€30.00 per month own price" in text_of(form)
    assert "€0.085 per GiB per month for everybody" in text_of(form)

    answers |= {"organization": str(ministry.public_id), PRICE: "", f"ends.{SERVER}": "on"}
    preview = first.post(NEW, {**answers, "preview": "yes"})
    assert cells(preview, "lines")[1][1:3] == [
        "€30.00 per month",
        "€38.40 per month The own price ends.",
    ]
    assert cells(preview, "payers")[1] == ["Dienst", "€30.00", "€38.40", "+€8.40", "+28.0%"]
    first.post(NEW, {**typed_of(preview), "propose": "yes"})
    second.post(f"{ROUNDS}/{TariffRound.objects.get().public_id}/confirm")

    assert price_at(month_ahead(1), organization=ministry) is None


def test_what_has_no_price_asks_per_what_it_is(first, answers):
    SkuFactory(code="new")
    answers |= {PRICE: "", "prices.new": "0.000001", "units.new": "hour"}
    preview = first.post(NEW, {**answers, "preview": "yes"})

    assert cells(preview, "lines")[1][1:3] == ["No price", "€0.000001 per hour"]


def test_the_form_says_what_is_planned(first, agreed):
    agreed(costs("50"), months=3)

    assert "planned: €50.00 from" in text_of(first.get(NEW))


@pytest.mark.parametrize(
    ("percent", "server", "disk"),
    [("3", "39.552", "0.08755"), ("-1,5", "37.824", "0.083725"), ("-100", "0", "0")],
)
def test_all_prices_are_raised_at_once(first, answers, percent, server, disk):
    page = first.post(NEW, {**answers, PRICE: "1", "percent": percent, "fill": "yes"})

    assert page.status_code == 200
    form = page.context["form"]
    assert [str(form[name].value()) for name in (PRICE, DISK_PRICE)] == [server, disk]
    assert form["name"].value() == "Tarieven 2027"


def test_raised_is_what_holds_in_the_chosen_month(first, agreed, answers):
    agreed(costs("50"), months=2)
    answers |= {"valid_from": month_ahead(3).strftime("%Y-%m"), "percent": "10", "fill": "yes"}

    assert first.post(NEW, answers).context["form"][PRICE].value() == "55"


def test_of_one_organization_only_its_own_prices_are_raised(treasury, ministry, answers):
    set_price("30", organization=ministry)
    answers |= {
        "organization": str(ministry.public_id),
        "percent": "2,55",
        "fill": "yes",
        PRICE: "",
    }
    form = visit_as(treasury.first, "nl").post(NEW, answers).context["form"]

    assert [form[name].value() for name in (PRICE, DISK_PRICE)] == ["30,765", ""]


@pytest.mark.parametrize("percent", ["", "x", "-100.01", "1000", "1.234", "1e2", "--1", "1" * 9])
def test_what_is_no_percentage_is_said(first, answers, percent):
    page = first.post(NEW, {**answers, "percent": percent, "fill": "yes"})

    assert page.status_code == 422
    assert page.context["form"].errors.keys() == {"percent"}
    assert page.context["form"][PRICE].value() == "40"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({PRICE: "veel"}, "Fill in an amount in euros, with at most 6 decimals."),
        ({PRICE: "1.0000001"}, "Fill in an amount in euros, with at most 6 decimals."),
        ({PRICE: "-1"}, "Fill in an amount in euros, with at most 6 decimals."),
        ({PRICE: "1e3"}, "Fill in an amount in euros, with at most 6 decimals."),
        ({PRICE: "NaN"}, "Fill in an amount in euros, with at most 6 decimals."),
        ({PRICE: "99999999"}, "Fill in an amount in euros, with at most 6 decimals."),
        ({PRICE: "1,234"}, "Write 1234 or 1.234."),
        ({PRICE: "x" * 21}, "20"),
        ({PRICE: "1\x002"}, "Null characters"),
        ({PRICE: "\u0661"}, "Fill in an amount in euros, with at most 6 decimals."),
        ({PRICE: "38.40"}, "This is what it costs then already."),
        ({PRICE: ""}, "Fill in at least one new price."),
        ({"name": ""}, "Fill this in."),
        ({"name": "Tarieven"}, "There is a price list or a proposal with this name already."),
        ({"name": "x" * 200}, "Use at most 80 characters."),
        ({"valid_from": "2026-01"}, "Choose one of these."),
        ({"valid_from": "x"}, "Choose one of these."),
        ({"valid_from": ""}, "Choose one of these."),
    ],
)
@pytest.mark.parametrize("button", ["preview", "propose"])
def test_what_cannot_be_is_said_and_what_was_typed_stays(first, answers, change, message, button):
    page = first.post(NEW, {**answers, **change, button: "yes"})

    assert page.status_code == 422
    assert message in text_of(page)
    assert text(page).count("Tarieven 2027") or "name" in change
    assert not TariffRound.objects.exists()
    assert Price.objects.count() == 2


def test_an_own_price_and_its_end_at_once_are_refused(first, ministry, answers):
    set_price("30", organization=ministry)
    answers |= {"organization": str(ministry.public_id), f"ends.{SERVER}": "on"}
    page = first.post(NEW, {**answers, "propose": "yes"})

    assert page.status_code == 422
    assert "Choose: a new price, or none of their own." in text_of(page)


@pytest.mark.parametrize("key", ["x", "00000000-0000-0000-0000-000000000001", "\x00"])
def test_an_organization_that_is_not_there(first, answers, key):
    assert first.get(NEW, {"organization": key}).status_code == 404
    assert first.post(NEW, {**answers, "organization": key}).status_code == 404


def test_a_dutch_reader_types_commas(treasury, answers):
    client = visit_as(treasury.first, "nl")
    preview = client.post(NEW, {**answers, DISK_PRICE: "0,091234", PRICE: "1.234,5"})
    assert "€ 0,091234" in text_of(preview)
    assert "€ 1.234,50" in text_of(preview)

    page = client.post(NEW, {**answers, DISK_PRICE: "1.234"})
    assert page.status_code == 422
    assert "Schrijf 1234 of 1,234." in text_of(page)


# --- deciding ----------------------------------------------------------------------------------


def test_a_no_asks_for_a_reason_and_tells_it(proposed, first, second):
    page = f"{ROUNDS}/{proposed(costs('40')).public_id}"
    assert second.post(f"{page}/refuse", {"reason": ""}).status_code == 422
    too_long = second.post(f"{page}/refuse", {"reason": "x" * 301})
    assert too_long.status_code == 422
    assert "x" * 301 in text(too_long)
    second.post(f"{page}/refuse", {"reason": "Te duur"})

    assert "Te duur" in text_of(first.get(page))
    assert price_at(month_ahead(1)) == "38.4"


def test_taken_back_it_waits_for_nobody(proposed, first, second):
    page = f"{ROUNDS}/{proposed(costs('40')).public_id}"
    assert second.post(f"{page}/take-back").status_code == 403
    first.post(f"{page}/take-back")

    assert second.post(f"{page}/confirm").status_code == 409
    assert "No tariff round waits" in text_of(second.get(ROUNDS))


def test_who_proposed_it_hears_that_another_decides(proposed, first):
    response = first.post(f"{ROUNDS}/{proposed(costs('40')).public_id}/confirm")

    assert response.status_code == 403
    assert "You proposed this yourself" in text_of(response)


def test_what_came_in_between_is_said(proposed, agreed, second):
    waiting = proposed(costs("40"))
    agreed(costs("50"), name="Eerder")
    response = second.post(f"{ROUNDS}/{waiting.public_id}/confirm")

    assert response.status_code == 409
    assert "another price was set for" in text_of(response)


def test_auditors_of_the_platform_read_and_change_nothing(treasury, proposed):
    waiting, client = proposed(costs("40")), visit_as(treasury.auditor)
    page = client.get(f"{ROUNDS}/{waiting.public_id}")

    assert page.status_code == 200
    assert "Confirm these prices" not in text(page)
    assert client.get(ROUNDS).status_code == 200
    assert client.get(NEW).status_code == 403
    assert client.post(f"{ROUNDS}/{waiting.public_id}/confirm").status_code == 403


def test_what_waits_stands_on_no_page_of_others(proposed, ministry):
    waiting = proposed(costs("40"))
    client = visit_as(member(Role.FINANCE, ministry))

    assert client.get(f"{ROUNDS}/{waiting.public_id}").status_code == 404
    assert "New prices" not in text_of(client.get("/"))
