"""Publishing takes two people; withdrawing stops new orders and nothing else."""

import pytest

from catalog.errors import (
    OfferingUnavailable,
    OwnPublication,
    PublicationSettled,
    ReasonRequired,
    VersionSettled,
)
from catalog.models import OfferingVersionState, PublicationState
from catalog.services.approvals import approve_order
from catalog.services.conditions import changed_conditions
from catalog.services.offerings import edit_draft
from catalog.services.publications import (
    propose_publication,
    publish_version,
    refuse_publication,
    take_back_publication,
    withdraw_version,
)
from portal.audit.models import AuditEntry
from portal.core.errors import NotAllowed
from portal.identity.errors import EmergencyDecidesNothing
from portal.identity.four_eyes import SameHuman
from portal.identity.models import Person, Role
from portal.identity.sensitive import ACTS
from portal.identity.services.break_glass import ISSUER as EMERGENCY
from tests.catalog.test_offerings import content_of
from tests.factories import PersonFactory, grant, make_organization, place

pytestmark = pytest.mark.django_db


@pytest.fixture
def proposed(platform, draft):
    return propose_publication(draft.public_id, actor=platform.drafter)


def state_of(row):
    row.refresh_from_db()
    return row.state


def events():
    return list(AuditEntry.objects.order_by("at").values_list("event", "result", "code"))


@pytest.mark.parametrize("decider", ["colleague", "administrator"])
def test_a_second_person_publishes_and_the_old_version_goes(
    platform, version, draft, proposed, decider
):
    actor = getattr(platform, decider)

    publish_version(proposed.public_id, actor=actor)

    assert state_of(draft) == OfferingVersionState.PUBLISHED
    assert state_of(version) == OfferingVersionState.WITHDRAWN
    assert version.withdrawn_by == actor
    assert state_of(proposed) == PublicationState.CONFIRMED
    data = AuditEntry.objects.get(event="offering.published").data
    assert data["instead_of"] == 1
    assert data["before"] == {"name_nl": "Virtuele server", "name_en": "Virtual server"}
    assert data["after"] == {"name_nl": "Server, vernieuwd", "name_en": "Server, renewed"}


def test_who_proposed_it_does_not_publish_it(platform, draft, proposed):
    with pytest.raises(OwnPublication):
        publish_version(proposed.public_id, actor=platform.drafter)

    assert state_of(draft) == OfferingVersionState.DRAFT
    assert events()[-1] == ("offering.decision_refused", "refused", "own_publication")


def test_one_human_with_two_logins_does_not_publish_it(platform, draft, proposed):
    Person.objects.filter(pk=platform.drafter.pk).update(email="Mila@example.nl")
    Person.objects.filter(pk=platform.colleague.pk).update(email="mila@example.nl")

    with pytest.raises(SameHuman):
        publish_version(proposed.public_id, actor=platform.colleague)

    assert state_of(draft) == OfferingVersionState.DRAFT


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.REQUESTER, Role.APPROVER, Role.FINANCE])
def test_other_roles_of_the_platform_do_not_decide(platform, version, proposed, role):
    person = PersonFactory()
    grant(person, role, platform.organization)

    with pytest.raises(NotAllowed):
        publish_version(proposed.public_id, actor=person)
    with pytest.raises(NotAllowed):
        withdraw_version(version.public_id, actor=person)


def test_an_operator_of_a_tenant_does_not_decide(platform, version, proposed):
    person = PersonFactory()
    grant(person, Role.OPERATOR, make_organization())

    with pytest.raises(NotAllowed):
        publish_version(proposed.public_id, actor=person)
    with pytest.raises(NotAllowed):
        refuse_publication(proposed.public_id, actor=person, reason="Nee")
    with pytest.raises(NotAllowed):
        withdraw_version(version.public_id, actor=person)


def test_refused_with_a_reason_the_draft_can_change_again(platform, draft, proposed):
    with pytest.raises(ReasonRequired):
        refuse_publication(proposed.public_id, actor=platform.colleague, reason=" ")

    refuse_publication(proposed.public_id, actor=platform.colleague, reason="Te duur")

    assert state_of(proposed) == PublicationState.REFUSED
    assert proposed.decision_reason == "Te duur"
    edit_draft(draft.public_id, content_of(draft, name_en="Better"), actor=platform.drafter)
    again = propose_publication(draft.public_id, actor=platform.drafter)
    publish_version(again.public_id, actor=platform.colleague)


def test_what_was_refused_or_decided_is_not_decided_again(platform, draft, proposed):
    """The page of somebody who looked at an earlier proposal publishes nothing unseen."""
    take_back_publication(proposed.public_id, actor=platform.drafter)
    edit_draft(draft.public_id, content_of(draft, name_en="Other"), actor=platform.drafter)
    propose_publication(draft.public_id, actor=platform.drafter)

    with pytest.raises(PublicationSettled):
        publish_version(proposed.public_id, actor=platform.colleague)

    assert state_of(draft) == OfferingVersionState.DRAFT


def test_only_the_proposer_takes_it_back(platform, proposed):
    with pytest.raises(NotAllowed):
        take_back_publication(proposed.public_id, actor=platform.colleague)


def test_deciding_and_withdrawing_ask_for_a_strong_login():
    assert {"offering.publish", "offering.refuse", "offering.withdraw"} <= ACTS.keys()


def test_withdrawn_it_is_not_ordered_and_the_approver_is_told(
    platform, requester, approver, project, version, sent_tasks
):
    order = place(requester, project, version)
    delivered = place(requester, project, version)
    approve_order(delivered.public_id, approver=approver)

    withdraw_version(version.public_id, actor=platform.administrator)

    with pytest.raises(OfferingUnavailable):
        place(requester, project, version)
    assert len(changed_conditions(order)) == 1
    approve_order(order.public_id, approver=approver, accepts_changes=True)
    assert ("offering.withdrawn", "succeeded", "") in events()
    with pytest.raises(VersionSettled):
        withdraw_version(version.public_id, actor=platform.administrator)


def test_an_order_of_the_version_before_is_approved_as_it_was_asked(
    platform, requester, approver, project, version, proposed, sent_tasks
):
    order = place(requester, project, version)
    publish_version(proposed.public_id, actor=platform.colleague)

    assert changed_conditions(order) == []
    approve_order(order.public_id, approver=approver)

    assert order.lines.get().offering_version == version


def test_whoever_came_by_emergency_access_is_no_pair_of_eyes(platform, draft, proposed):
    person = PersonFactory()
    grant(person, Role.OPERATOR, platform.organization, issuer=EMERGENCY)

    with pytest.raises(EmergencyDecidesNothing):
        publish_version(proposed.public_id, actor=person)
    take_back_publication(proposed.public_id, actor=platform.drafter)
    with pytest.raises(EmergencyDecidesNothing):
        propose_publication(draft.public_id, actor=person)
