"""The due date: what nobody confirmed lapses, and no organization is locked out of itself."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from portal.audit.models import AuditEntry
from portal.identity.access import has_role
from portal.identity.models import Person, ReviewCampaign, ReviewDecision, Role, RoleGrant
from portal.identity.services import review_closing
from portal.identity.services.review_closing import close_overdue_campaigns
from portal.identity.services.reviews import keep_grants, withdraw_grant
from tests.factories import PersonFactory
from tests.portal.identity.reviews.conftest import LONG_AGO, give, item_of

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture
def campaign(opened, administrator, colleague, auditor, worker):
    return opened(now() - timedelta(days=40))


def decision_of(campaign, person, role=None):
    return item_of(campaign, person, role).decision


def last_login(person, moment):
    Person.objects.filter(pk=person.pk).update(last_login=moment)


def in_force_at(grant, moment):
    grant.refresh_from_db()
    return grant.valid_until is None or grant.valid_until > moment


class TestLapsing:
    def test_to_the_second(self, campaign, worker):
        grant = RoleGrant.objects.get(person=worker)

        assert close_overdue_campaigns(at=campaign.due_at - SECOND) == 0
        assert decision_of(campaign, worker) == ""
        assert in_force_at(grant, campaign.due_at)

        assert close_overdue_campaigns(at=campaign.due_at) == 1
        assert decision_of(campaign, worker) == ReviewDecision.LAPSED
        grant.refresh_from_db()
        assert grant.valid_until == campaign.due_at

    def test_it_is_written_down(self, campaign, worker):
        close_overdue_campaigns(at=campaign.due_at)

        grant = RoleGrant.objects.get(person=worker)
        entry = AuditEntry.objects.get(event="role.ended", subject_public_id=grant.public_id)
        assert (entry.actor_id, entry.data["cause"]) == (None, "unconfirmed")
        closed = AuditEntry.objects.get(event="review.closed")
        assert closed.data == {"lapsed": 3, "spared": 1}

    def test_what_was_confirmed_stays(self, campaign, administrator, worker, project, at):
        at(campaign.due_at - SECOND)
        keep_grants(
            campaign.public_id, [item_of(campaign, worker).public_id], reviewer=administrator
        )

        close_overdue_campaigns(at=campaign.due_at)

        assert decision_of(campaign, worker) == ReviewDecision.KEEP
        assert has_role(worker, project, Role.REQUESTER)

    def test_again_changes_nothing(self, campaign):
        close_overdue_campaigns(at=campaign.due_at)
        written = AuditEntry.objects.count()

        assert close_overdue_campaigns(at=campaign.due_at + SECOND) == 0
        assert AuditEntry.objects.count() == written

    def test_a_claim_of_who_was_away_lapses_too(self, opened, administrator, auditor):
        """Else the next login would bring it back unconfirmed."""
        last_login(auditor, now() - timedelta(days=6))
        RoleGrant.objects.filter(person=auditor).update(valid_until=now() - timedelta(days=5))
        campaign = opened(now() - timedelta(days=3))

        close_overdue_campaigns(at=campaign.due_at)

        assert decision_of(campaign, auditor) == ReviewDecision.LAPSED
        grant = RoleGrant.objects.get(person=auditor)
        assert AuditEntry.objects.filter(
            event="role.ended", subject_public_id=grant.public_id
        ).exists()

    def test_a_large_review_goes_on_at_the_next_tick(self, campaign, monkeypatch):
        monkeypatch.setattr(review_closing, "SETTLED_AT_ONCE", 3)

        assert close_overdue_campaigns(at=campaign.due_at) == 0
        assert campaign.items.filter(decision="").count() == 1
        assert close_overdue_campaigns(at=campaign.due_at + SECOND) == 1


class TestEndedMeanwhile:
    def test_it_settles_itself_before_the_due_date(self, campaign, worker):
        RoleGrant.objects.filter(person=worker).update(valid_until=campaign.opened_at + SECOND)

        close_overdue_campaigns(at=campaign.opened_at + SECOND)

        assert decision_of(campaign, worker) == ReviewDecision.ENDED
        assert not AuditEntry.objects.filter(event="role.left_unconfirmed").exists()

    def test_not_a_claim_that_may_come_back(self, campaign, auditor, ministry):
        last_login(auditor, campaign.opened_at)
        RoleGrant.objects.filter(person=auditor).update(valid_until=campaign.opened_at + SECOND)
        close_overdue_campaigns(at=campaign.due_at - SECOND)
        assert decision_of(campaign, auditor) == ""

        last_login(auditor, campaign.opened_at + 2 * SECOND)  # and it is not given any more
        close_overdue_campaigns(at=campaign.due_at - SECOND)
        assert decision_of(campaign, auditor) == ReviewDecision.ENDED

    def test_a_review_in_which_all_is_decided_closes_early(self, opened, administrator, colleague):
        campaign = opened()
        for reviewer, person in ((administrator, colleague), (colleague, administrator)):
            keep_grants(
                campaign.public_id, [item_of(campaign, person).public_id], reviewer=reviewer
            )

        assert close_overdue_campaigns(at=now()) == 1
        assert ReviewCampaign.objects.get().closed_at < campaign.due_at


class TestNobodyIsLockedOut:
    def test_a_claim_that_is_no_longer_given_spares_nobody_s_job(
        self, opened, administrator, ministry
    ):
        """Their claim ran out, and their next login came without it."""
        ghost = PersonFactory()
        give(ghost, Role.QUOTA_ADMINISTRATOR, ministry, valid_from=LONG_AGO - timedelta(days=1))
        campaign = opened()
        RoleGrant.objects.filter(person=ghost).update(valid_until=campaign.opened_at + SECOND)
        last_login(ghost, campaign.opened_at + 2 * SECOND)

        close_overdue_campaigns(at=campaign.due_at)

        assert decision_of(campaign, ghost) == ReviewDecision.ENDED
        assert decision_of(campaign, administrator) == ReviewDecision.SPARED
        assert has_role(administrator, ministry, Role.QUOTA_ADMINISTRATOR)

    def test_nor_does_it_make_the_real_one_lapse(self, opened, administrator, colleague, ministry):
        ghost = PersonFactory()
        give(ghost, Role.QUOTA_ADMINISTRATOR, ministry, valid_from=LONG_AGO - timedelta(days=1))
        campaign = opened()
        RoleGrant.objects.filter(person=ghost).update(valid_until=campaign.opened_at + SECOND)
        last_login(ghost, campaign.opened_at + 2 * SECOND)

        close_overdue_campaigns(at=campaign.due_at)

        decisions = {decision_of(campaign, person) for person in (administrator, colleague)}
        assert decisions == {ReviewDecision.SPARED, ReviewDecision.LAPSED}

    def test_the_only_administrators_role_is_left_and_reported(
        self, opened, administrator, auditor
    ):
        campaign = opened()

        close_overdue_campaigns(at=campaign.due_at)

        assert decision_of(campaign, administrator) == ReviewDecision.NOBODY
        assert decision_of(campaign, auditor) == ReviewDecision.LAPSED
        entry = AuditEntry.objects.get(event="role.left_unconfirmed")
        assert (entry.data["person"], entry.data["why"]) == (administrator.pk, "nobody")

    def test_without_any_administrator_nothing_lapses(self, opened, auditor, worker):
        campaign = opened()

        close_overdue_campaigns(at=campaign.due_at)

        assert set(campaign.items.values_list("decision", flat=True)) == {ReviewDecision.NOBODY}

    def test_one_who_was_there_for_a_while_could_have(self, opened, auditor, ministry, boss):
        campaign = opened()
        give(
            PersonFactory(),
            Role.QUOTA_ADMINISTRATOR,
            ministry,
            by=boss,
            valid_until=campaign.opened_at + timedelta(days=2),
        )

        close_overdue_campaigns(at=campaign.due_at)

        assert decision_of(campaign, auditor) == ReviewDecision.LAPSED

    @pytest.mark.parametrize("why", ["blocked", "below", "before"])
    def test_one_who_could_not_does_not_count(
        self, opened, auditor, directorate, ministry, boss, why
    ):
        campaign = opened()
        until = campaign.opened_at if why == "before" else campaign.due_at
        give(
            PersonFactory(is_active=why != "blocked"),
            Role.QUOTA_ADMINISTRATOR,
            directorate if why == "below" else ministry,
            by=boss,
            valid_until=until,
        )

        close_overdue_campaigns(at=campaign.due_at)

        assert decision_of(campaign, auditor) == ReviewDecision.NOBODY

    def test_of_several_neglectful_administrators_the_longest_serving_stays(
        self, opened, administrator, ministry, boss
    ):
        newer = PersonFactory()
        since = now() - timedelta(days=90)
        give(newer, Role.QUOTA_ADMINISTRATOR, ministry, by=boss, valid_from=since)
        campaign = opened()

        close_overdue_campaigns(at=campaign.due_at)

        assert decision_of(campaign, newer) == ReviewDecision.LAPSED
        assert decision_of(campaign, administrator) == ReviewDecision.SPARED
        entry = AuditEntry.objects.get(event="role.left_unconfirmed")
        assert (entry.data["person"], entry.data["why"]) == (administrator.pk, "spared")

    def test_a_blocked_administrator_does_not_count_as_left(
        self, opened, administrator, colleague, boss, ministry
    ):
        blocked = PersonFactory(is_active=False)
        give(blocked, Role.QUOTA_ADMINISTRATOR, ministry, by=boss)
        campaign = opened()
        withdraw_grant(
            campaign.public_id,
            item_of(campaign, colleague).public_id,
            reviewer=administrator,
            reason="Weg",
        )

        close_overdue_campaigns(at=campaign.due_at)

        assert decision_of(campaign, administrator) == ReviewDecision.SPARED

    def test_an_administrator_of_a_part_lapses(self, opened, administrator, directorate, boss):
        below = PersonFactory()
        give(below, Role.QUOTA_ADMINISTRATOR, directorate, by=boss)
        campaign = opened()

        close_overdue_campaigns(at=campaign.due_at)

        assert decision_of(campaign, below) == ReviewDecision.LAPSED
