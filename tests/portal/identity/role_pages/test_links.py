"""The pages on which two logins become one person."""

import pytest

from portal.identity.models import LinkProposal, Person, ProposalState, Role
from portal.identity.services.links import WantedLink, confirm_link, propose_link
from tests.factories import PersonFactory, grant
from tests.logins import log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def twin(project, employee):
    person = PersonFactory(name=employee.name.lower(), email="daan@elders.example.nl")
    grant(person, Role.REQUESTER, project, issuer="https://elders.example.nl")
    return person


@pytest.fixture
def link(employee, twin, administrator):
    wanted = WantedLink(holder=twin, receiver=employee, reason="Liet beide passen zien")
    return propose_link(wanted, actor=administrator)


def text_of(response):
    return response.content.decode()


def test_whole_way_from_the_person_to_the_link_and_back(
    client, employee, twin, administrator, colleague
):
    page = f"/people/{employee.public_id}"
    log_in(client, administrator)
    assert f"{page}/link" in text_of(client.get(page))
    assert str(twin.public_id) in text_of(client.get(f"{page}/link"))

    answers = {"holder": str(twin.public_id), "reason": "Liet beide passen zien"}
    client.post(f"{page}/link", answers)
    link = LinkProposal.objects.get()
    detail = f"/identity-links/{link.public_id}"
    assert detail in text_of(client.get(page))
    assert f"{detail}/withdraw" in text_of(client.get(detail))

    log_in(client, colleague)
    for place in ("/", "/role-proposals"):
        assert detail in text_of(client.get(place))
    assert f"{detail}/confirm" in text_of(client.get(detail))
    assert client.post(f"{detail}/confirm", {"reason": ""}).status_code == 302

    joined = text_of(client.get(f"/people/{twin.public_id}"))
    assert f"/people/{twin.public_id}/unlink" in joined
    assert f"/people/{twin.public_id}/reinstate" not in joined
    assert f"/people/{twin.public_id}" in text_of(client.get(page))

    response = client.post(f"/people/{twin.public_id}/unlink", {"reason": "Een naamgenoot"})
    undoing = LinkProposal.objects.get(undoes=link)
    assert response["Location"] == f"/identity-links/{undoing.public_id}"
    log_in(client, administrator)
    client.post(f"/identity-links/{undoing.public_id}/confirm")

    twin.refresh_from_db()
    assert twin.joined_into is None
    assert f"/people/{twin.public_id}/reinstate" in text_of(client.get(f"/people/{twin.public_id}"))


def test_what_is_not_right_comes_back_with_what_was_typed(client, employee, twin, administrator):
    log_in(client, administrator)
    page = f"/people/{employee.public_id}/link"
    response = client.post(page, {"reason": "Dezelfde"})

    assert response.status_code == 422
    assert "Kies iemand" in text_of(response)
    assert "Dezelfde" in text_of(response)


def test_search_finds_by_address_who_has_one_login(client, employee, twin, administrator, approver):
    Person.objects.filter(pk=twin.pk).update(name="Heel anders")
    log_in(client, administrator)
    page = f"/people/{employee.public_id}/link"

    assert "Niemand anders heet" in text_of(client.get(page))
    found = text_of(client.get(page, {"q": "DAAN@elders.example.nl"}))
    assert str(twin.public_id) in found
    assert str(approver.public_id) not in found
    assert "Niemand met deze naam" in text_of(client.get(page, {"q": "xyz"}))


def test_refusal_needs_a_reason_and_says_so(client, link, colleague):
    log_in(client, colleague)
    response = client.post(f"/identity-links/{link.public_id}/refuse", {"reason": ""})

    assert response.status_code == 422
    assert "Schrijf op waarom" in text_of(response)
    client.post(f"/identity-links/{link.public_id}/refuse", {"reason": "Broers"})
    link.refresh_from_db()
    assert link.state == ProposalState.REFUSED


def test_who_proposed_it_is_told_that_another_decides(client, link, administrator):
    log_in(client, administrator)
    response = client.post(f"/identity-links/{link.public_id}/confirm")

    assert response.status_code == 403
    link.refresh_from_db()
    assert link.state == ProposalState.PROPOSED


def test_somebody_who_was_never_joined_has_nothing_to_undo(client, employee, administrator):
    log_in(client, administrator)

    assert client.get(f"/people/{employee.public_id}/unlink").status_code == 404


def test_one_of_both_does_not_see_the_button(client, link, auditor, colleague, employee):
    log_in(client, auditor)
    assert "/confirm" not in text_of(client.get(f"/identity-links/{link.public_id}"))

    confirm_link(link.public_id, actor=colleague)
    assert client.get(f"/identity-links/{link.public_id}").status_code == 200
