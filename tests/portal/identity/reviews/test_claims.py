"""What a review took away does not come back with the next login."""

from dataclasses import replace

import pytest
from django.utils.timezone import now

from portal.identity.access import has_role, standing_grants
from portal.identity.models import (
    ClaimBar,
    Identity,
    Person,
    ReviewDecision,
    Role,
    RoleGrant,
)
from portal.identity.oidc.errors import NoAccess
from portal.identity.services import reviews
from portal.identity.services.logins import ClaimedOrganization, ClaimedRole, Login, log_in
from portal.identity.services.review_closing import close_overdue_campaigns
from portal.identity.services.reviews import keep_grants, withdraw_grant
from tests.factories import give_numbers
from tests.portal.identity.reviews.conftest import ISSUER, item_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def ministry(ministry):
    give_numbers(ministry, oin="00000001003214345000")
    return ministry


@pytest.fixture
def claim(ministry):
    """A login of somebody to whom the provider gives the role of auditor, each time again."""
    login = Login(
        provider_key="local",
        provider_name="Rijksaccount",
        issuer=ISSUER,
        subject="auditor-1",
        name="Carla Controle",
        email="",
        organization=ClaimedOrganization(identifier="oin", number="00000001003214345000"),
        roles=frozenset({ClaimedRole(role=Role.AUDITOR, node_code=ministry.code)}),
        level="substantial",
        language="nl",
    )
    return lambda **changes: log_in(replace(login, **changes))


@pytest.fixture
def campaign(claim, administrator, opened):
    claim()
    return opened()


def test_not_what_was_withdrawn(claim, campaign, administrator, ministry):
    person = Identity.objects.get(issuer=ISSUER).person
    withdraw_grant(
        campaign.public_id,
        item_of(campaign, person).public_id,
        reviewer=administrator,
        reason="Werkt elders",
    )

    with pytest.raises(NoAccess):
        claim()
    assert not has_role(person, ministry, Role.AUDITOR)
    assert ClaimBar.objects.get().reason == "Werkt elders"


@pytest.mark.parametrize("is_away", [True, False])
def test_not_what_lapsed_whether_they_were_there_or_not(
    claim, administrator, opened, monkeypatch, is_away
):
    if not is_away:
        # Still holding when the clock strikes, as after a login on the last day.
        monkeypatch.setattr(reviews, "REVIEW_DAYS", 0)
    claim()
    campaign = opened()
    grant = RoleGrant.objects.exclude(issuer="").get()
    assert (grant.valid_until < campaign.due_at) is is_away
    close_overdue_campaigns(at=campaign.due_at)

    with pytest.raises(NoAccess):
        claim()
    assert ClaimBar.objects.get().barred_by is None


def test_what_the_newest_login_does_not_give_is_over_though_it_gave_no_access(
    claim, administrator, opened
):
    claim()
    person = Identity.objects.get(issuer=ISSUER).person
    campaign = opened()
    RoleGrant.objects.filter(person=person).update(valid_until=now())  # only time ended it

    with pytest.raises(NoAccess):
        claim(roles=frozenset())
    close_overdue_campaigns(at=now())

    assert not standing_grants().filter(person=person).exists()
    assert item_of(campaign, person).decision == ReviewDecision.ENDED


def test_what_was_confirmed_comes_back(claim, campaign, administrator, ministry):
    person = Identity.objects.get(issuer=ISSUER).person
    keep_grants(campaign.public_id, [item_of(campaign, person).public_id], reviewer=administrator)
    close_overdue_campaigns(at=campaign.due_at)

    assert claim().person == Person.objects.get(pk=person.pk)
    assert has_role(person, ministry, Role.AUDITOR)
