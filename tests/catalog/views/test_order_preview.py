"""What the choices so far would mean, while somebody is still choosing."""

import re
from datetime import timedelta
from decimal import Decimal
from html import unescape

import pytest
from django.utils.timezone import localdate, now

from billing.models import Budget, Price
from catalog.models import Metric, Order
from catalog.placement_words import Score
from catalog.services.limits import set_limit
from portal.identity.models import Role, RoleGrant
from tests.catalog.views.ordering import (
    FORM,
    HTMX,
    PREVIEW,
    assert_nothing_stored,
    text_of,
    title_of,
)
from tests.factories import classify, grant, make_project
from tests.factories.billing import set_price

pytestmark = pytest.mark.django_db


def test_answers_with_the_panel_alone(browser, answers):
    answers["volume_gib"] = "100"

    response = browser.post(PREVIEW, answers, headers=HTMX)

    assert response.status_code == 200
    text = text_of(response)
    assert "€46.90 per month" in text
    assert "<html" not in response.content.decode()
    assert 'id="messages-live" hx-swap-oob="innerHTML">€46.90 per month.' in unescape(
        response.content.decode()
    )
    assert_nothing_stored()


def test_promises_what_the_order_then_says(browser, answers):
    answers["volume_gib"] = "123"
    promised = re.search(r"€([0-9.]+)", text_of(browser.post(PREVIEW, answers, headers=HTMX)))
    browser.post(FORM, answers)

    assert Order.objects.get().monthly_price == Decimal(promised[1])


@pytest.mark.parametrize("written", ["%d-%m-%Y", "%Y-%m-%d"])
def test_says_the_total_of_a_term(browser, answers, written):
    answers["end_date"] = (localdate() + timedelta(days=1)).strftime(written)

    text = text_of(browser.post(PREVIEW, answers, headers=HTMX))

    assert "Together up to and including" in text


def test_shows_the_budget(browser, answers, project):
    Budget.objects.create(node=project.parent, year=localdate().year, amount=Decimal("0.01"))

    text = text_of(browser.post(PREVIEW, answers, headers=HTMX))

    assert "Does it fit in the budget? Too little left" in text
    assert "The budget holder decides." in text


def test_a_hard_stop_says_no(browser, answers, project):
    year, nothing = localdate().year, Decimal(0)
    Budget.objects.create(node=project.parent, year=year, amount=nothing, is_hard_stop=True)

    response = browser.post(PREVIEW, answers, headers=HTMX)

    text = text_of(response)
    assert "Does it fit in the budget? No" in text
    assert f"does not fit in the budget of “{project.parent.name}”" in text
    assert "It does not fit in the budget." in unescape(response.content.decode())
    assert "You may send it." not in text

    refused = browser.post(FORM, answers)
    assert refused.status_code == 409
    assert "Who can change the budget: nobody yet" in text_of(refused)
    assert_nothing_stored()


def test_says_that_the_data_may_not_stand_there(browser, answers, project):
    classify(project, integrity=Score.VERY_HIGH)

    text = text_of(browser.post(PREVIEW, answers, headers=HTMX))

    assert "May it stand there? No The interest to protect is too high for this place." in text


def test_warns_when_the_quota_is_nearly_full(browser, answers, project):
    set_limit(project, Metric.VCPUS, Decimal(2), valid_from=project.created_at, actor=None)

    assert "Does it fit in the quota? Yes, almost full" in text_of(
        browser.post(PREVIEW, answers, headers=HTMX)
    )


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("volume_gib", "", "Disk for your data: Fill this in."),
        ("volume_gib", "-1", "Fill in a whole number from 10 to 500."),
        ("flavor", "gp.huge", "Size: Choose one of the options."),
        ("flavor", "", "Size: Fill this in."),
        ("project", "\x00", "Choose one of your projects."),
        ("end_date", "31-02-2030", "Fill in a date as 31-12-2026."),
        ("end_date", "9999-12-31", "Choose a day after today"),
    ],
)
def test_says_what_is_missing_or_wrong(browser, answers, field, value, said):
    answers[field] = value

    response = browser.post(PREVIEW, answers, headers=HTMX)

    assert response.status_code == 200
    assert said in text_of(response)


def test_says_from_what_it_costs_before_everything_is_answered(browser, answers):
    del answers["flavor"]
    answers["volume_gib"] = "100"

    response = browser.post(PREVIEW, answers, headers=HTMX)

    assert "from €46.90 per month" in text_of(response)
    assert "No price yet" not in text_of(response)
    assert "From €46.90 per month" in unescape(response.content.decode())


def test_without_a_project_there_is_no_price_yet(browser, answers):
    answers["project"] = ""

    assert "No price yet" in text_of(browser.post(PREVIEW, answers, headers=HTMX))


def test_does_not_mind_a_name_that_comes_later(browser, answers):
    answers |= {"name": "", "purpose": ""}

    assert "€41.80 per month" in text_of(browser.post(PREVIEW, answers, headers=HTMX))


def test_says_that_there_is_no_price(browser, answers):
    moment = now().replace(microsecond=0)
    Price.objects.filter(sku__code="server.gp.small").update(valid_until=moment)

    response = browser.post(PREVIEW, answers, headers=HTMX)

    assert response.status_code == 200
    assert "“server.gp.small” has no price at this moment" in text_of(response)


def test_redraws_the_cards_for_another_project(browser, answers, requester, project):
    second = make_project(project.parent, "Meetnet")
    grant(requester, Role.REQUESTER, second)
    same = browser.post(PREVIEW, answers, headers=HTMX)
    answers["project"] = str(second.public_id)
    other = browser.post(PREVIEW, answers, headers=HTMX)

    assert 'id="question-flavor"' not in same.content.decode()
    assert 'id="question-flavor" hx-swap-oob="true"' in other.content.decode()
    assert f'value="{second.public_id}" hx-swap-oob="true"' in other.content.decode()


def test_without_script_the_page_comes_back_as_it_was_typed(browser, answers):
    answers |= {"volume_gib": "77", "name": "Nog niet goed"}

    response = browser.post(PREVIEW, answers)

    assert response.status_code == 200
    assert title_of(response) == "Order Virtual server - Cloudloket"
    assert 'value="77"' in response.content.decode()
    assert 'value="Nog niet goed"' in response.content.decode()
    assert "€44.95 per month" in text_of(response)  # 38.40 and 77 times 0.085, which is 6.545
    assert_nothing_stored()


def test_another_price_shows_in_the_next_answer(browser, answers, project):
    for _ in range(8):  # until the database has its statements prepared
        assert "€41.80 per month" in text_of(browser.post(PREVIEW, answers, headers=HTMX))

    set_price("10", sku="server.gp.small", organization=project.parent.organization)

    assert "€13.40 per month" in text_of(browser.post(PREVIEW, answers, headers=HTMX))


def test_another_limit_shows_in_the_next_answer(browser, answers, project):
    assert "Does it fit in the quota? Yes" in text_of(browser.post(PREVIEW, answers, headers=HTMX))

    set_limit(project, Metric.VCPUS, Decimal(1), valid_from=now(), actor=None)

    assert "Does it fit in the quota? No" in text_of(browser.post(PREVIEW, answers, headers=HTMX))


def test_who_may_no_longer_order_gets_no_price(browser, answers, requester):
    browser.post(PREVIEW, answers, headers=HTMX)
    RoleGrant.objects.filter(person=requester).update(valid_until=now())

    assert browser.post(PREVIEW, answers, headers=HTMX).status_code == 403


def test_asks_seven_queries(browser, answers, django_assert_num_queries):
    """Session, person; what may be ordered where, prices, where it may stand, quota, budgets."""
    with django_assert_num_queries(7):
        assert "€41.80 per month" in text_of(browser.post(PREVIEW, answers, headers=HTMX))
