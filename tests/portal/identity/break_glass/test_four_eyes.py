"""Emergency access is no second pair of eyes: whoever types the password may be the first."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.timezone import localdate, now

from portal.audit.models import AuditEntry
from portal.identity.errors import EmergencyDecidesNothing
from portal.identity.models import (
    Deputy,
    Node,
    Person,
    ReviewScope,
    Role,
    RoleGrant,
    RoleProposal,
)
from portal.identity.reviewing import items_to_decide
from portal.identity.role_policies import proposals_to_decide
from portal.identity.services.break_glass import ISSUER
from portal.identity.services.deputies import appoint_deputy
from portal.identity.services.people import end_person, reinstate_person
from portal.identity.services.proposals import WantedRole, grant_role, propose_role, refuse_role
from portal.identity.services.reviews import keep_grants, open_campaign, withdraw_grant
from portal.identity.services.roles import end_grant, lift_bar
from tests.constraints import refused_by
from tests.factories import administrator_of, make_organization, propose
from tests.portal.identity.break_glass.emergency import try_password
from tests.portal.identity.conftest import somebody

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def ministry(db: None) -> Node:
    return make_organization(name="Ministerie van Proeven")


@pytest.fixture
def administrator(ministry: Node) -> Person:
    return administrator_of(ministry)


@pytest.fixture
def employee(ministry: Node) -> Person:
    return somebody("Medewerker Daan", Role.APPROVER, ministry)


@pytest.fixture
def proposal(employee: Person, ministry: Node, administrator: Person) -> RoleProposal:
    return propose(employee, Role.AUDITOR, ministry, proposed_by=administrator)


@pytest.fixture
def emergency(ministry: Node, client: Client, password: str) -> Person:
    try_password(client, password)
    return Person.objects.get(identities__issuer=ISSUER)


def last_refusal() -> tuple[str, str]:
    entry = AuditEntry.objects.filter(result="refused").latest("at")
    return entry.event, entry.code


def test_it_decides_on_nothing_that_a_colleague_proposed(
    proposal: RoleProposal, emergency: Person
) -> None:
    assert not proposals_to_decide(emergency).exists()
    with pytest.raises(EmergencyDecidesNothing):
        grant_role(proposal.public_id, actor=emergency)
    with pytest.raises(EmergencyDecidesNothing):
        refuse_role(proposal.public_id, actor=emergency, reason="Toch niet")

    assert not RoleGrant.objects.filter(proposal=proposal).exists()
    assert last_refusal() == ("role.decision_refused", "emergency_decides_nothing")


def test_the_page_says_so(client: Client, proposal: RoleProposal, emergency: Person) -> None:
    address = reverse("identity:role-proposal-grant", args=[proposal.public_id])
    response = client.post(address)

    assert response.status_code == 403
    assert "Met noodtoegang kunt u niet voorstellen of beoordelen" in response.content.decode()


def test_nor_does_it_propose_what_a_colleague_then_decides(
    employee: Person, ministry: Node, emergency: Person
) -> None:
    wanted = WantedRole(
        person=employee,
        node=ministry,
        role=Role.AUDITOR,
        first_day=localdate(),
        last_day=localdate(),
        reason="Nood",
    )
    with pytest.raises(EmergencyDecidesNothing):
        propose_role(wanted, actor=emergency)

    assert not RoleProposal.objects.exists()
    assert last_refusal() == ("role.proposing_refused", "emergency_decides_nothing")


def test_nor_does_it_appoint_a_deputy(employee: Person, emergency: Person) -> None:
    with pytest.raises(EmergencyDecidesNothing):
        appoint_deputy(employee, first_day=localdate(), last_day=localdate(), actor=emergency)

    assert not Deputy.objects.exists()


def test_nor_does_it_judge_in_a_review(
    employee: Person, administrator: Person, ministry: Node, emergency: Person
) -> None:
    campaign = open_campaign(ministry.public_id, ReviewScope.ALL, opened_by=administrator)
    item = campaign.items.get(person=administrator)

    assert not items_to_decide(emergency, now()).exists()
    with pytest.raises(EmergencyDecidesNothing):
        keep_grants(campaign.public_id, [item.public_id], reviewer=emergency)
    with pytest.raises(EmergencyDecidesNothing):
        withdraw_grant(campaign.public_id, item.public_id, reviewer=emergency, reason="Weg")

    item.refresh_from_db()
    assert item.decision == ""
    assert last_refusal() == ("role.review_refused", "emergency_decides_nothing")


def test_what_one_person_takes_away_alone_it_takes_away(
    employee: Person, emergency: Person
) -> None:
    claimed = employee.grants.get()
    end_grant(claimed.public_id, actor=emergency, reason="Nood")

    claimed.refresh_from_db()
    assert claimed.ended_by == emergency
    assert employee.claim_bars.get().barred_by == emergency


def test_nor_does_it_allow_again_what_was_barred(
    employee: Person, administrator: Person, emergency: Person
) -> None:
    """Whoever was barred may be who types the password."""
    end_grant(employee.grants.get().public_id, actor=administrator, reason="Misbruik")
    bar = employee.claim_bars.get()
    with pytest.raises(EmergencyDecidesNothing):
        lift_bar(bar.public_id, actor=emergency)

    bar.refresh_from_db()
    assert bar.lifted_at is None
    assert last_refusal() == ("role.bar_lifting_refused", "emergency_decides_nothing")


def test_nor_does_it_let_anybody_in_again(
    employee: Person, administrator: Person, emergency: Person
) -> None:
    end_person(employee.public_id, actor=administrator, reason="Misbruik")
    with pytest.raises(EmergencyDecidesNothing):
        reinstate_person(employee.public_id, actor=emergency)

    employee.refresh_from_db()
    assert not employee.is_active
    assert last_refusal() == ("person.reinstating_refused", "emergency_decides_nothing")


class TestDatabase:
    """Whatever writes: the service, the ORM, SQL."""

    def test_no_proposal_is_its_own(
        self, employee: Person, ministry: Node, emergency: Person
    ) -> None:
        with refused_by("emergency_access_decides_nothing"):
            propose(employee, Role.AUDITOR, ministry, proposed_by=emergency)

    @pytest.mark.parametrize("state", ["granted", "refused"])
    def test_no_decision_is(self, proposal: RoleProposal, emergency: Person, state: str) -> None:
        with refused_by("emergency_access_decides_nothing"):
            RoleProposal.objects.update(
                state=state, decided_by=emergency, decided_at=now(), decision_reason="Nood"
            )

    def test_no_judgement_is(
        self, employee: Person, administrator: Person, ministry: Node, emergency: Person
    ) -> None:
        campaign = open_campaign(ministry.public_id, ReviewScope.ALL, opened_by=administrator)
        with refused_by("emergency_access_decides_nothing"):
            campaign.items.filter(person=administrator).update(
                decision="keep", decided_by=emergency, decided_at=now() - timedelta(seconds=1)
            )

    def test_no_bar_is_lifted(
        self, employee: Person, administrator: Person, emergency: Person
    ) -> None:
        end_grant(employee.grants.get().public_id, actor=administrator, reason="Misbruik")
        with refused_by("emergency_access_decides_nothing"):
            employee.claim_bars.update(lifted_by=emergency, lifted_at=now())
