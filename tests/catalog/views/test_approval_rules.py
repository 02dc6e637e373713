"""The pages of approval rules, and what an order says of whom it waits for."""

import pytest
from django.urls import reverse

from catalog.models import ApprovalRule, ApprovalRuleVersion
from catalog.services.approval_rules import RuleSays, confirm_version, propose_rule
from portal.identity.models import Role
from tests.catalog.views.ordering import text_of
from tests.factories import PersonFactory, grant, place
from tests.logins import log_in

pytestmark = pytest.mark.django_db
RULES = "/approval-rules"
ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def governors(project):
    people = [PersonFactory(name="Joost Meulen"), PersonFactory(name="Tess Vos")]
    for person in people:
        grant(person, Role.QUOTA_ADMINISTRATOR, project.parent)
    return people


@pytest.fixture
def as_first(client, governors):
    log_in(client, governors[0])
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def answers(project):
    return {
        "node": str(project.parent.public_id),
        "name": "Groot",
        "amount_from": "500",
        "automatic_below": "",
        "kinds": ["server"],
        "protection_level": "2",
        "people_of_project": "1",
        "people_of_node": "1",
    }


def make_rule(project, governors, **says):
    version = propose_rule(
        node=project.parent, name="Regel", says=RuleSays(**says), actor=governors[0]
    )
    return confirm_version(version.public_id, actor=governors[1])


def test_no_rules_says_what_to_do(as_first):
    assert "There are no rules yet" in text_of(as_first.get(RULES))


def test_proposed_on_one_page_and_confirmed_on_another(as_first, governors, answers, client):
    response = as_first.post(f"{RULES}/new", answers)
    version = ApprovalRuleVersion.objects.get()
    page = text_of(as_first.get(response["Location"]))
    assert "1 approver of the project, then 1 approver of" in page
    assert "Take the proposal back" in page
    assert "Confirm this rule" not in page

    log_in(client, governors[1])
    assert "Confirm this rule" in text_of(client.get(f"{RULES}/proposals/{version.public_id}"))
    client.post(f"{RULES}/proposals/{version.public_id}/confirm")

    assert "€500.00 in the first month" in text_of(client.get(RULES))
    assert "Holds now" in text_of(client.get(RULES))


def test_a_rule_of_one_offering_is_proposed_from_the_offering(as_first, answers, version):
    offering = version.offering.public_id
    page = as_first.get(f"{RULES}/new?offering={offering}")
    assert f'<option value="{offering}" selected>' in page.content.decode()

    response = as_first.post(f"{RULES}/new", {**answers, "kinds": [], "offering": str(offering)})

    assert "Virtual server, in every version" in text_of(as_first.get(response["Location"]))


def test_kinds_beside_an_offering_are_refused_at_the_field(as_first, answers, version):
    page = as_first.post(f"{RULES}/new", {**answers, "offering": str(version.offering.public_id)})

    assert page.status_code == 422
    assert "Choose kinds or 1 offering, not both." in text_of(page)


@pytest.mark.parametrize("offering", ["x", "00000000-0000-0000-0000-000000000001"])
def test_an_offering_that_is_not_there_is_refused(as_first, answers, offering):
    page = as_first.post(f"{RULES}/new", {**answers, "kinds": [], "offering": offering})

    assert page.status_code == 422
    assert not ApprovalRule.objects.exists()


def test_what_was_typed_wrong_stays(as_first, answers):
    page = as_first.post(f"{RULES}/new", {**answers, "amount_from": "veel", "people_of_node": "9"})

    assert page.status_code == 422
    assert 'value="veel"' in page.content.decode()
    assert not ApprovalRule.objects.exists()


def test_nobody_asked_is_said_at_its_field(as_first, answers):
    nobody = {"people_of_project": "0", "people_of_node": "0"}
    page = as_first.post(f"{RULES}/new", {**answers, **nobody})

    assert page.status_code == 422
    assert "At least 1 person must be able to decide." in text_of(page)


def test_something_else_is_proposed_and_refused_with_a_reason(
    as_first, governors, project, answers, client
):
    rule = make_rule(project, governors).rule
    as_first.post(f"{RULES}/{rule.public_id}/propose", {**answers, "people_of_node": "2"})
    second = rule.versions.get(number=2)
    log_in(client, governors[1])
    refuse = reverse("catalog:approval-rule-refuse", args=[second.public_id])

    assert client.post(refuse, {"reason": ""}).status_code == 422
    client.post(refuse, {"reason": "Te streng"})

    page = text_of(client.get(f"{RULES}/{rule.public_id}"))
    assert "Version 2: Refused" in page
    assert "Te streng" in page


def test_who_only_proposed_hears_that_another_decides(as_first, project, governors):
    version = propose_rule(node=project.parent, name="A", says=RuleSays(), actor=governors[0])
    page = as_first.post(f"{RULES}/proposals/{version.public_id}/confirm")

    assert page.status_code == 403
    assert "You proposed this yourself" in text_of(page)


def test_the_order_says_whom_it_waits_for(client, governors, project, requester, approver, version):
    make_rule(project, governors, people_of_project=2, people_of_node=1)
    order = place(requester, project, version)
    step = "Step 1 of 2: waits for 2 approvers of Zaaksysteem."

    log_in(client, requester)
    assert step in text_of(client.get(f"/orders/{order.public_id}", headers=ENGLISH))
    log_in(client, approver)
    assert step in text_of(client.get("/approvals", headers=ENGLISH))
    response = client.post(f"/approvals/{order.public_id}/approve", headers=ENGLISH, follow=True)

    assert "It waits for the next one who must." in response.content.decode()
    assert "Step 1 of 2: waits for 1 approver of Zaaksysteem." in text_of(response)


def test_queries_do_not_grow_with_rules(
    as_first, project, governors, django_assert_max_num_queries
):
    make_rule(project, governors)
    with django_assert_max_num_queries(40) as one:
        as_first.get(RULES)
    for _ in range(3):
        make_rule(project, governors)
    with django_assert_max_num_queries(len(one)):
        as_first.get(RULES)
