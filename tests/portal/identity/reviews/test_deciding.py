"""Confirming and withdrawing: by another person, in time, once, and the database says so too."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils.timezone import now

from portal.audit.models import AuditEntry
from portal.core.errors import InvalidInput, NotAllowed
from portal.identity.access import has_role
from portal.identity.models import (
    Person,
    ReviewCampaign,
    ReviewDecision,
    ReviewItem,
    Role,
    RoleGrant,
)
from portal.identity.reviewing import items_to_decide, visible_campaigns, visible_items
from portal.identity.services.reviews import (
    AlreadySettled,
    NothingChosen,
    OwnRole,
    ReviewOver,
    WithdrawalReasonRequired,
    keep_grants,
    withdraw_grant,
)
from tests.factories import PersonFactory
from tests.portal.identity.reviews.conftest import give, item_of

pytestmark = pytest.mark.django_db


def keep(campaign, reviewer, *items):
    return keep_grants(campaign.public_id, [item.public_id for item in items], reviewer=reviewer)


def withdraw(campaign, reviewer, item, reason="Werkt elders"):
    return withdraw_grant(campaign.public_id, item.public_id, reviewer=reviewer, reason=reason)


def entries(event):
    return list(AuditEntry.objects.filter(event=event).order_by("pk"))


class TestKeeping:
    def test_the_role_stays_and_it_is_written_down_per_role(
        self, opened, administrator, auditor, worker
    ):
        campaign = opened()
        items = [item_of(campaign, auditor), item_of(campaign, worker)]

        kept = keep(campaign, administrator, *items)

        assert len(kept) == 2
        for item in items:
            item.refresh_from_db()
            assert (item.decision, item.decided_by) == (ReviewDecision.KEEP, administrator)
        first, second = entries("role.confirmed")
        assert first.actor_id == second.actor_id == administrator.pk
        assert {first.subject_public_id, second.subject_public_id} == {
            item.grant.public_id for item in items
        }
        assert second.data.keys() == {"role", "person", "review"}
        assert has_role(worker, items[1].node, Role.REQUESTER)

    def test_what_was_settled_before_is_passed_over(self, opened, administrator, auditor, worker):
        campaign = opened()
        first, second = item_of(campaign, auditor), item_of(campaign, worker)
        keep(campaign, administrator, first)

        assert keep(campaign, administrator, first, second) == [second]
        with pytest.raises(AlreadySettled):
            keep(campaign, administrator, first, second)

    def test_something_must_be_chosen(self, opened, administrator):
        with pytest.raises(NothingChosen):
            keep(opened(), administrator)

    def test_a_claim_that_was_renewed_is_the_same_right(
        self, opened, administrator, auditor, ministry
    ):
        campaign = opened()
        RoleGrant.objects.filter(person=auditor).update(valid_until=now() - timedelta(days=2))
        renewed = give(auditor, Role.AUDITOR, ministry, valid_from=now() - timedelta(minutes=1))

        keep(campaign, administrator, item_of(campaign, auditor))

        (entry,) = entries("role.confirmed")
        assert entry.subject_public_id == renewed.public_id

    def test_a_role_that_ended_cannot_be_confirmed(self, opened, administrator, worker, auditor):
        campaign = opened()
        RoleGrant.objects.filter(person=worker).update(valid_until=now())
        RoleGrant.objects.filter(person=auditor).update(valid_until=now())
        Person.objects.filter(pk=auditor.pk).update(last_login=now())  # it was not given again

        for person in (worker, auditor):
            with pytest.raises(AlreadySettled):
                keep(campaign, administrator, item_of(campaign, person))


class TestWithdrawing:
    def test_the_role_ends_at_once_with_a_reason(self, opened, administrator, worker, project):
        campaign = opened()

        item = withdraw(campaign, administrator, item_of(campaign, worker), " Werkt elders ")

        assert (item.decision, item.reason) == (ReviewDecision.WITHDRAW, "Werkt elders")
        assert not has_role(worker, project, Role.REQUESTER)
        (entry,) = entries("role.ended")
        assert (entry.actor_id, entry.subject_public_id) == (
            administrator.pk,
            item.grant.public_id,
        )
        assert entry.data == {"role": "requester", "person": worker.pk, "cause": "withdrawn"}

    def test_of_a_renewed_claim_the_grant_that_holds_now_ends(
        self, opened, administrator, auditor, ministry
    ):
        campaign = opened()
        RoleGrant.objects.filter(person=auditor).update(valid_until=now() - timedelta(days=2))
        give(auditor, Role.AUDITOR, ministry, valid_from=now() - timedelta(minutes=1))

        withdraw(campaign, administrator, item_of(campaign, auditor))

        assert not has_role(auditor, ministry, Role.AUDITOR)

    @pytest.mark.parametrize("reason", ["", "   \n "])
    def test_without_a_reason_nothing_happens(self, opened, administrator, worker, reason):
        campaign = opened()

        with pytest.raises(WithdrawalReasonRequired):
            withdraw(campaign, administrator, item_of(campaign, worker), reason)
        assert not entries("role.ended")

    @pytest.mark.parametrize("reason", ["x" * 301, "a\x00b"])
    def test_a_reason_that_cannot_be_stored_is_refused(self, opened, administrator, worker, reason):
        campaign = opened()

        with pytest.raises(InvalidInput):
            withdraw(campaign, administrator, item_of(campaign, worker), reason)

    def test_once(self, opened, administrator, colleague, worker):
        campaign = opened()
        withdraw(campaign, administrator, item_of(campaign, worker))

        with pytest.raises(AlreadySettled):
            withdraw(campaign, colleague, item_of(campaign, worker))


class TestWho:
    def test_never_the_holder(self, opened, administrator, worker):
        campaign = opened()
        own = item_of(campaign, administrator)

        with pytest.raises(OwnRole):
            keep(campaign, administrator, own, item_of(campaign, worker))
        with pytest.raises(OwnRole):
            withdraw(campaign, administrator, own)

        assert [entry.code for entry in entries("role.review_refused")] == ["own_role"] * 2
        assert not campaign.items.exclude(decision="").exists()

    @pytest.mark.parametrize("role", [role for role in Role if role != Role.QUOTA_ADMINISTRATOR])
    def test_no_other_role(self, opened, administrator, worker, ministry, role):
        campaign = opened()
        other = PersonFactory()
        give(other, role, ministry)

        with pytest.raises(NotAllowed):
            keep(campaign, other, item_of(campaign, worker))
        assert entries("role.review_refused")[0].actor_id == other.pk

    def test_only_on_their_own_branch(self, opened, administrator, auditor, worker, directorate):
        campaign = opened()
        below = PersonFactory()
        give(below, Role.QUOTA_ADMINISTRATOR, directorate)

        with pytest.raises(NotAllowed):
            keep(campaign, below, item_of(campaign, auditor))
        keep(campaign, below, item_of(campaign, worker))

        assert set(visible_items(below)) == {item_of(campaign, worker)}
        assert list(visible_campaigns(below)) == [campaign]

    def test_nobody_of_another_organization_sees_it(self, opened, administrator, elsewhere):
        opened()
        other = PersonFactory()
        for role in Role:
            give(other, role, elsewhere)

        assert not visible_campaigns(other).exists()
        assert not visible_items(other).exists()

    def test_what_waits_for_somebody(self, opened, administrator, colleague, auditor, worker):
        campaign = opened()

        def waiting(person):
            return {item.person for item in items_to_decide(person, now())}

        assert waiting(administrator) == {colleague, auditor, worker}
        assert waiting(auditor) == waiting(worker) == set()
        keep(campaign, colleague, item_of(campaign, worker))
        assert waiting(administrator) == {colleague, auditor}

    def test_who_was_withdrawn_decides_nothing_any_more(
        self, opened, administrator, colleague, worker
    ):
        campaign = opened()
        withdraw(campaign, administrator, item_of(campaign, colleague))

        with pytest.raises(NotAllowed):
            withdraw(campaign, colleague, item_of(campaign, administrator))

    def test_an_item_of_another_review_is_not_in_this_one(self, opened, administrator, worker):
        campaign = opened()

        with pytest.raises(NotAllowed):
            keep_grants(campaign.public_id, [uuid4()], reviewer=administrator)


class TestWhen:
    def test_until_the_last_second(self, opened, administrator, auditor, worker, at):
        campaign = opened()
        at(campaign.due_at - timedelta(seconds=1))
        keep(campaign, administrator, item_of(campaign, worker))

        at(campaign.due_at)
        with pytest.raises(ReviewOver):
            keep(campaign, administrator, item_of(campaign, auditor))
        with pytest.raises(ReviewOver):
            withdraw(campaign, administrator, item_of(campaign, auditor))


class TestDatabase:
    """Whatever writes: the service, the ORM, SQL."""

    @pytest.fixture
    def campaign(self, opened, administrator, worker):
        return opened()

    def refused(self, name, change):
        with pytest.raises(IntegrityError) as refusal, transaction.atomic():
            change()
        assert name in refusal.value.__cause__.diag.constraint_name

    def decided(self, item, decision, by=None, **facts):
        facts = {"decided_at": now()} | facts
        return lambda: ReviewItem.objects.filter(pk=item.pk).update(
            decision=decision, decided_by=by, **facts
        )

    def test_nobody_decides_on_their_own_role(self, campaign, worker):
        item = item_of(campaign, worker)

        self.refused("decided_by_another_person", self.decided(item, "keep", worker))

    def test_not_in_sql_either_and_not_by_naming_another_holder(
        self, campaign, worker, administrator, boss
    ):
        item = item_of(campaign, worker)
        later = give(worker, Role.FINANCE, item.node, by=boss)
        with connection.cursor() as cursor:
            self.refused(
                "decided_by_another_person",
                lambda: cursor.execute(
                    "UPDATE identity_reviewitem SET decision = 'keep', decided_at = now(),"
                    " decided_by_id = person_id WHERE id = %s",
                    [item.pk],
                ),
            )
            self.refused(
                "review_item_is_decided_once",
                lambda: cursor.execute(
                    "UPDATE identity_reviewitem SET decision = 'keep', decided_at = now(),"
                    " decided_by_id = %s, person_id = %s WHERE id = %s",
                    [worker.pk, boss.pk, item.pk],
                ),
            )
            self.refused(
                "review_item_names_the_holder",
                lambda: cursor.execute(
                    "INSERT INTO identity_reviewitem (public_id, campaign_id, grant_id, person_id,"
                    " node_id, role, issuer, decision, reason) SELECT gen_random_uuid(),"
                    " campaign_id, %s, %s, node_id, role,"
                    " '', '', '' FROM identity_reviewitem WHERE id = %s",
                    [later.pk, boss.pk, item.pk],
                ),
            )

    def test_what_is_decided_stays(self, campaign, worker, administrator, boss):
        item = item_of(campaign, worker)
        keep(campaign, administrator, item)

        self.refused("is_decided_once", self.decided(item, "withdraw", boss, reason="x"))
        self.refused("is_decided_once", self.decided(item, "", None, decided_at=None))
        self.refused("is_decided_once", item.delete)

    def test_what_was_under_review_stays(self, campaign, worker):
        items = ReviewItem.objects.filter(pk=item_of(campaign, worker).pk)

        self.refused("is_decided_once", lambda: items.update(role=Role.FINANCE))
        self.refused("is_decided_once", items.delete)

    def test_people_and_clock_each_have_their_time(self, campaign, worker, boss):
        item = item_of(campaign, worker)

        self.refused(
            "is_decided_in_time", self.decided(item, "keep", boss, decided_at=campaign.due_at)
        )
        self.refused("is_decided_in_time", self.decided(item, "lapsed"))

    def test_a_decision_is_whole(self, campaign, worker, boss):
        item = item_of(campaign, worker)
        whole = "decided_by_a_person_or_by_the_clock"

        self.refused(whole, self.decided(item, "keep"))
        self.refused(whole, self.decided(item, "ended", boss))
        self.refused(whole, self.decided(item, "keep", boss, decided_at=None))
        self.refused(whole, self.decided(item, "perhaps", boss))
        self.refused("withdrawal_has_a_reason", self.decided(item, "withdraw", boss))

    def test_a_review_changes_only_by_closing_when_all_is_decided(self, campaign):
        campaigns = ReviewCampaign.objects.filter(pk=campaign.pk)

        self.refused("closes_when_all_is_decided", lambda: campaigns.update(closed_at=now()))
        self.refused("review_only_closes", lambda: campaigns.update(scope="privileged"))
        self.refused(
            "review_only_closes",
            lambda: campaigns.update(due_at=campaign.due_at + timedelta(days=9)),
        )
        self.refused("review_only_closes", lambda: campaigns._raw_delete(campaigns.db))

    def test_a_grant_under_review_keeps_its_holder(self, campaign, worker, boss):
        grants = RoleGrant.objects.filter(person=worker)

        self.refused(
            "role_grant_never_changes",
            lambda: grants.update(person=PersonFactory()),
        )
