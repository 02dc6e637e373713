"""What a review is about, and when the calendar opens one."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError
from django.utils.timezone import now

from portal.audit.models import AuditEntry
from portal.core.calendar import BUSINESS_TIME, day_of, quarter_of, start_of_day
from portal.core.errors import NotAllowed
from portal.identity.models import Node, Person, ReviewCampaign, ReviewScope, Role
from portal.identity.services.review_closing import close_overdue_campaigns
from portal.identity.services.reviews import (
    NothingToReview,
    ReviewUnderWay,
    open_campaign,
    open_due_campaigns,
)
from tests.factories import PersonFactory
from tests.portal.identity.reviews.conftest import give, item_of

pytestmark = pytest.mark.django_db


def moment(year, month, day, hour=0, minute=0, second=0):
    return datetime(year, month, day, hour, minute, second, tzinfo=BUSINESS_TIME)


def founded(node, when):
    Node.objects.filter(pk=node.pk).update(created_at=when)


class TestQuarters:
    @pytest.mark.parametrize(
        ("at", "first", "after"),
        [
            (moment(2026, 1, 1), date(2026, 1, 1), date(2026, 4, 1)),
            (moment(2026, 3, 31, 23, 59, 59), date(2026, 1, 1), date(2026, 4, 1)),
            (moment(2026, 12, 31), date(2026, 10, 1), date(2027, 1, 1)),
            # 22:00 and 23:00 UTC are already the next day in Amsterdam
            (datetime(2026, 6, 30, 22, tzinfo=UTC), date(2026, 7, 1), date(2026, 10, 1)),
            (datetime(2026, 12, 31, 23, tzinfo=UTC), date(2027, 1, 1), date(2027, 4, 1)),
        ],
    )
    def test_they_are_those_of_amsterdam(self, at, first, after):
        quarter = quarter_of(at)

        assert (quarter.start, quarter.end) == (start_of_day(first), start_of_day(after))


class TestWhatItIsAbout:
    def test_everything_below_the_root_and_nothing_of_another(
        self, opened, administrator, auditor, worker, elsewhere
    ):
        give(PersonFactory(), Role.AUDITOR, elsewhere)

        campaign = opened()

        assert {item.person for item in campaign.items.all()} == {administrator, auditor, worker}
        item = item_of(campaign, worker)
        assert (item.role, item.node.name, item.issuer) == (Role.REQUESTER, "Zaaksysteem", "")
        assert item_of(campaign, auditor).is_by_claim

    @pytest.mark.parametrize(
        ("role", "limit", "is_privileged"),
        [
            (Role.QUOTA_ADMINISTRATOR, None, True),
            (Role.OPERATOR, None, True),
            (Role.AUDITOR, None, True),
            (Role.APPROVER, None, True),
            (Role.APPROVER, 500, False),
            (Role.FINANCE, None, False),
            (Role.REQUESTER, None, False),
        ],
    )
    def test_privileged_roles(self, opened, directorate, administrator, role, limit, is_privileged):
        person = PersonFactory()
        give(person, role, directorate, amount_limit=limit)

        campaign = opened(scope=ReviewScope.PRIVILEGED)

        assert campaign.items.filter(person=person).exists() is is_privileged

    def test_roles_that_ended_or_have_not_begun_are_not_in_it(
        self, opened, administrator, directorate, boss
    ):
        for begins, ends in ((-20, -1), (1, 9)):
            give(
                PersonFactory(),
                Role.FINANCE,
                directorate,
                by=boss,
                valid_from=now() + timedelta(days=begins),
                valid_until=now() + timedelta(days=ends),
            )

        assert {item.person for item in opened().items.all()} == {administrator}

    def test_a_claim_that_only_time_ended_is_in_it(self, opened, administrator, directorate):
        """On the first of January nobody has logged in for days."""
        person = PersonFactory()
        give(person, Role.OPERATOR, directorate, valid_until=now() - timedelta(days=9))
        newest = give(
            person,
            Role.OPERATOR,
            directorate,
            valid_from=now() - timedelta(days=4),
            valid_until=now() - timedelta(days=3),
        )

        assert item_of(opened(), person).grant == newest

    def test_a_claim_that_was_taken_away_or_long_forgotten_is_not(
        self, opened, administrator, directorate
    ):
        ended = now() - timedelta(days=3)
        give(PersonFactory(), Role.OPERATOR, directorate, valid_until=ended, end_reason="Weg")
        dropped = PersonFactory()
        give(dropped, Role.OPERATOR, directorate, valid_until=ended)
        Person.objects.filter(pk=dropped.pk).update(last_login=now())  # which did not give it
        give(PersonFactory(absent_since=now()), Role.OPERATOR, directorate, valid_until=ended)

        assert {item.person for item in opened().items.all()} == {administrator}

    def test_what_is_granted_later_is_not_in_it(self, opened, administrator, directorate):
        campaign = opened()
        give(PersonFactory(), Role.FINANCE, directorate)

        assert campaign.items.count() == 1

    def test_there_are_thirty_whole_days_to_decide(self, opened, administrator):
        campaign = opened(moment(2026, 10, 1, 0, 1))

        assert campaign.due_at == moment(2026, 11, 1)  # winter time has begun meanwhile
        assert campaign.last_day == date(2026, 10, 31)

    def test_it_is_written_down(self, opened, administrator, ministry):
        campaign = opened()

        entry = AuditEntry.objects.get(event="review.opened")
        assert (entry.subject_public_id, entry.node_id) == (campaign.public_id, ministry.pk)
        assert (entry.actor_id, entry.data) == (None, {"scope": "all", "roles": 1})


class TestByHand:
    def test_the_administrator_of_the_whole_organization_opens(self, administrator, ministry):
        campaign = open_campaign(
            ministry.public_id, ReviewScope.PRIVILEGED, opened_by=administrator
        )

        assert campaign.opened_by == administrator
        assert AuditEntry.objects.get(event="review.opened").actor_id == administrator.pk

    def test_nobody_else_does(self, ministry, directorate, auditor, boss):
        below = PersonFactory()
        give(below, Role.QUOTA_ADMINISTRATOR, directorate, by=boss)

        for person in (auditor, below):
            with pytest.raises(NotAllowed):
                open_campaign(ministry.public_id, ReviewScope.ALL, opened_by=person)

    def test_one_at_a_time(self, opened, administrator, ministry):
        opened()

        with pytest.raises(ReviewUnderWay):
            open_campaign(ministry.public_id, ReviewScope.ALL, opened_by=administrator)
        open_campaign(ministry.public_id, ReviewScope.PRIVILEGED, opened_by=administrator)
        with pytest.raises(IntegrityError, match="review_one_open_per_organization_and_scope"):
            ReviewCampaign.objects.create(
                scope="all", root=ministry, opened_at=now(), due_at=now() + timedelta(days=1)
            )

    def test_there_must_be_something_to_review(self, opened, ministry):
        with pytest.raises(NothingToReview):
            opened()


class TestByTheClock:
    @pytest.fixture
    def year(self, ministry, administrator, elsewhere):
        """The ministry as it is for years, with one role."""
        founded(ministry, moment(2024, 1, 1))
        founded(elsewhere, moment(2024, 1, 1))
        return ministry

    def scopes(self):
        campaigns = ReviewCampaign.objects.order_by("pk")
        return [(campaign.scope, day_of(campaign.opened_at).month) for campaign in campaigns]

    def test_a_year_has_one_review_of_all_and_three_of_privileged_roles(self, year):
        day = moment(2026, 1, 1)
        while day.year == 2026:
            close_overdue_campaigns(at=day)
            open_due_campaigns(at=day)
            day += timedelta(days=1)

        assert self.scopes() == [
            ("all", 1),
            ("privileged", 4),
            ("privileged", 7),
            ("privileged", 10),
        ]

    def test_to_the_second(self, year):
        open_due_campaigns(at=moment(2026, 1, 1))
        close_overdue_campaigns(at=moment(2026, 2, 1))

        assert open_due_campaigns(at=moment(2026, 3, 31, 23, 59, 59)) == 0
        assert open_due_campaigns(at=datetime(2026, 3, 31, 22, tzinfo=UTC)) == 1
        assert open_due_campaigns(at=datetime(2026, 3, 31, 22, tzinfo=UTC)) == 0

    def test_one_by_hand_counts(self, year, opened):
        opened(moment(2026, 1, 1))
        opened(moment(2026, 5, 7), ReviewScope.PRIVILEGED)
        close_overdue_campaigns(at=moment(2026, 6, 30))

        assert open_due_campaigns(at=moment(2026, 6, 30)) == 0
        assert open_due_campaigns(at=moment(2026, 7, 1)) == 1

    def test_a_new_organization_waits_for_the_next_quarter(self, year):
        founded(year, moment(2026, 5, 1))

        assert open_due_campaigns(at=moment(2026, 6, 30)) == 0
        assert open_due_campaigns(at=moment(2026, 7, 1)) == 1
        assert self.scopes() == [("privileged", 7)]

    def test_an_organization_that_ended_has_none(self, year):
        Node.objects.filter(pk=year.pk).update(ended_at=moment(2025, 1, 1))

        assert open_due_campaigns(at=moment(2026, 1, 1)) == 0
