"""What is nearly full, over or full soon is told once to who can give more."""

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from celery import current_app
from django.core import mail
from django.db.models import F

import catalog.tasks
from catalog.models import AlertKind, Metric, Quota, QuotaAlert, QuotaLetter, QuotaReading
from catalog.services import quota_alerts, quota_history
from catalog.services.quota_alerts import MOST_LINES, send_quota_letter
from portal.core import mailing
from portal.core.calendar import day_of, start_of_day
from portal.identity.models import Node, Person, Role, RoleGrant
from tests.catalog.provisioning.conftest import cloud, engine
from tests.constraints import refused_by
from tests.factories import PersonFactory, grant, make_organization, make_project

__all__ = ["cloud", "engine"]

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
NOON = datetime(2027, 3, 1, 11, tzinfo=UTC)


@pytest.fixture
def ministry():
    return make_organization(name="Ministerie")


@pytest.fixture
def project(ministry):
    return make_project(make_organization(ministry, name="Dienst"), name="Zaaksysteem")


@pytest.fixture
def quota(project):
    return Quota.objects.create(node=project, metric=Metric.SERVERS, limit_now=Decimal(100))


@pytest.fixture
def mail_server(settings):
    settings.MAIL_IS_ON = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


@pytest.fixture
def set_clock(monkeypatch):
    def set_to(moment):
        for module in (catalog.tasks, quota_alerts, quota_history, mailing):
            monkeypatch.setattr(module, "now", lambda: moment)

    return set_to


@pytest.fixture
def strike(engine, set_clock):
    """Let the clock strike at that moment; letters go out unless it ``hangs``."""

    def ring(moment, *, hangs=False):
        set_clock(moment)
        engine.call(current_app.tasks["catalog.mind_quota_alerts"])
        if not hangs:
            engine.run()

    return ring


def administrator(node, email, language="nl"):
    person = PersonFactory(email=email, language=language)
    grant(person, Role.QUOTA_ADMINISTRATOR, node)
    return person


def use(quota, claimed, limit=100):
    is_over = limit is not None and claimed > limit
    Quota.objects.filter(pk=quota.pk).update(
        claimed=claimed, limit_now=limit, over_since=NOON if is_over else None
    )


def grow(quota, per_day, *, days=30, until=NOON):
    """Readings up to yesterday and a counter that all lie on one line through zero."""
    first = day_of(until) - days * DAY
    QuotaReading.objects.bulk_create(
        QuotaReading(quota=quota, day=first + n * DAY, claimed=n * per_day, limit=100)
        for n in range(days)
    )
    use(quota, days * per_day)


def kinds(quota):
    return set(QuotaAlert.objects.filter(quota=quota).values_list("kind", flat=True))


def recipients():
    return sorted(address for letter in mail.outbox for address in letter.to)


class TestMatters:
    """An alert is there while its matter is."""

    @pytest.mark.parametrize(
        ("claimed", "limit", "expected"),
        [
            (0, 0, set()),
            (Decimal("79.999999"), 100, set()),
            (80, 100, {"nearly_full"}),
            (100, 100, {"nearly_full"}),
            (101, 100, {"nearly_full", "over"}),
            (1, 0, {"nearly_full", "over"}),
            (1_000, None, set()),
        ],
    )
    def test_from_80_percent_on_and_above_the_limit(self, strike, quota, claimed, limit, expected):
        use(quota, claimed, limit)
        strike(NOON)

        assert kinds(quota) == expected

    @pytest.mark.parametrize(("per_day", "is_soon"), [(1, False), ("1.66", False), ("1.67", True)])
    def test_full_within_thirty_days_at_this_rate(self, strike, quota, per_day, is_soon):
        grow(quota, Decimal(per_day))  # 30 · 1.67 is 50.1; the rest takes 29.9 days
        strike(NOON)

        assert kinds(quota) == ({"full_soon"} if is_soon else set())

    def test_it_goes_when_it_is_no_longer_so_and_keeps_since_when_it_is(self, strike, quota):
        use(quota, 90)
        strike(NOON)
        use(quota, 95)
        strike(NOON + DAY)
        assert QuotaAlert.objects.get().since == NOON

        use(quota, 10)
        strike(NOON + 2 * DAY)
        assert kinds(quota) == set()

    def test_what_ended_is_nobodys_concern(self, strike, quota):
        use(quota, 90)
        Node.objects.filter(pk=quota.node_id).update(ended_at=NOON)
        strike(NOON)

        assert kinds(quota) == set()

    def test_the_database_keeps_one_of_a_kind(self, quota):
        QuotaAlert.objects.create(quota=quota, kind=AlertKind.OVER, since=NOON)

        with refused_by("quota_alert_one_per_kind"):
            QuotaAlert.objects.create(quota=quota, kind=AlertKind.OVER, since=NOON)
        with refused_by("quota_alert_kind_known"):
            QuotaAlert.objects.update(kind="other")

    def test_one_process_at_a_time(self, strike, quota, monkeypatch):
        use(quota, 90)
        monkeypatch.setattr(catalog.tasks, "only_one", lambda _lock: nullcontext(False))
        strike(NOON)

        assert kinds(quota) == set()

    def test_as_many_queries_for_many_as_for_few(
        self, strike, quota, django_assert_max_num_queries
    ):
        counts = []
        for more in (1, 8):
            for _number in range(more):
                node = make_project(quota.node.parent)
                Quota.objects.create(node=node, metric="servers", limit_now=10, claimed=9)
            with django_assert_max_num_queries(40) as captured:
                strike(NOON)
            counts.append(len(captured))

        assert counts[0] == counts[1]


@pytest.mark.usefixtures("mail_server")
class TestLetters:
    def test_who_governs_the_part_and_the_nearest_level_above_it(
        self, strike, quota, project, ministry
    ):
        administrator(project, "zaak@example.nl")
        administrator(project.parent, "dienst@example.nl")
        administrator(ministry, "ministerie@example.nl")
        administrator(make_organization(ministry), "buren@example.nl")
        grant(PersonFactory(email="order@example.nl"), Role.REQUESTER, project)
        use(quota, 85)
        strike(NOON)

        assert recipients() == ["dienst@example.nl", "zaak@example.nl"]

    def test_where_the_level_above_has_nobody_the_one_above_that(self, strike, quota, ministry):
        administrator(ministry, "ministerie@example.nl")
        use(quota, 85)
        strike(NOON)

        assert recipients() == ["ministerie@example.nl"]

    def test_of_the_topmost_its_own(self, strike, ministry):
        administrator(ministry, "ministerie@example.nl")
        Quota.objects.create(node=ministry, metric="vcpus", limit_now=10, claimed=9)
        strike(NOON)

        assert recipients() == ["ministerie@example.nl"]

    def test_everything_new_in_one_letter(self, strike, quota, project, settings):
        administrator(project, "zaak@example.nl")
        use(quota, 85)
        over = Quota.objects.create(node=project, metric="vcpus", limit_now=10)
        use(over, 12, 10)
        grow(Quota.objects.create(node=project, metric="volumes", limit_now=100), Decimal(2))
        strike(NOON)

        (letter,) = mail.outbox
        assert letter.subject == "3 quota vragen uw aandacht"
        assert "- Zaaksysteem, Servers: 85% in gebruik of gereserveerd" in letter.body
        assert "- Zaaksysteem, Processors: boven de limiet" in letter.body
        # 60 on 1 March and two a day: 100 after 20 days.
        full = "- Zaaksysteem, Schijven: 60% in gebruik of gereserveerd, vol rond 21 maart 2027"
        assert full in letter.body
        assert f"{settings.PUBLIC_URL.origin}/quotas/full" in letter.body

    def test_in_the_readers_language(self, strike, quota, project):
        administrator(project, "zaak@example.nl", language="en")
        use(quota, 85)
        strike(NOON)

        (letter,) = mail.outbox
        assert letter.subject == "1 quota needs your attention"
        assert "- Zaaksysteem, Servers: 85% in use or reserved\n" in letter.body

    def test_never_the_same_twice_while_it_stays_so(self, strike, quota, project):
        administrator(project, "zaak@example.nl")
        for day, claimed in enumerate((85, 90, 99, 100)):
            use(quota, claimed)
            strike(NOON + day * DAY)

        assert len(mail.outbox) == 1

    def test_again_after_it_was_over(self, strike, quota, project):
        administrator(project, "zaak@example.nl")
        for day, claimed in enumerate((85, 10, 85)):
            use(quota, claimed)
            strike(NOON + day * DAY)

        assert len(mail.outbox) == 2

    def test_back_within_the_limit_is_no_news(self, strike, quota, project):
        administrator(project, "zaak@example.nl")
        for day, claimed in enumerate((120, 90)):
            use(quota, claimed)
            strike(NOON + day * DAY)

        assert len(mail.outbox) == 1

    def test_one_a_day_the_rest_tomorrow_morning(self, strike, quota, project):
        administrator(project, "zaak@example.nl")
        use(quota, 85)
        strike(NOON)
        use(quota, 120)
        strike(NOON + timedelta(hours=3))
        assert len(mail.outbox) == 1

        tomorrow = start_of_day(day_of(NOON) + DAY)
        strike(tomorrow + timedelta(minutes=5))
        assert len(mail.outbox) == 1, "nobody is told at night"
        strike(tomorrow + timedelta(hours=7, minutes=5))
        assert "boven de limiet" in mail.outbox[1].body

    @pytest.mark.parametrize("month", [1, 7])
    def test_from_seven_by_the_clock_in_amsterdam(self, strike, quota, project, month):
        administrator(project, "zaak@example.nl")
        use(quota, 85)
        seven = datetime(2027, month, 5, 6 if month == 1 else 5, tzinfo=UTC)
        strike(seven - timedelta(minutes=1))
        assert mail.outbox == []
        strike(seven)
        assert len(mail.outbox) == 1

    def test_a_repeated_message_sends_nothing_twice(self, strike, quota, project):
        administrator(project, "zaak@example.nl")
        use(quota, 85)
        strike(NOON)

        assert not send_quota_letter(QuotaLetter.objects.get().pk)
        assert len(mail.outbox) == 1

    def test_a_lost_message_is_rung_again(self, strike, engine, quota, project):
        administrator(project, "zaak@example.nl")
        use(quota, 85)
        strike(NOON, hangs=True)
        engine.messages.clear()
        strike(NOON + timedelta(hours=1))

        assert len(mail.outbox) == 1

    def test_what_is_over_before_it_is_sent_needs_no_letter(self, strike, engine, quota, project):
        administrator(project, "zaak@example.nl")
        use(quota, 85)
        strike(NOON, hangs=True)
        messages = list(engine.messages)
        engine.messages.clear()
        use(quota, 10)
        strike(NOON + timedelta(hours=1), hangs=True)
        engine.messages.extend(messages)
        engine.run()

        assert mail.outbox == []

    @pytest.mark.parametrize("change", ["blocked", "without address", "without role"])
    def test_who_left_meanwhile_gets_none(self, strike, engine, quota, project, change):
        person = administrator(project, "zaak@example.nl")
        use(quota, 85)
        strike(NOON, hangs=True)
        if change == "blocked":
            Person.objects.filter(pk=person.pk).update(is_active=False)
        elif change == "without address":
            Person.objects.filter(pk=person.pk).update(email="")
        else:
            RoleGrant.objects.filter(person=person).update(
                valid_until=F("valid_from"), end_reason="moved"
            )
        engine.run()

        assert mail.outbox == []

    def test_who_governs_it_later_is_told_then(self, strike, quota, project):
        use(quota, 85)
        strike(NOON)
        assert QuotaAlert.objects.get().told_at is None

        administrator(project, "zaak@example.nl")
        strike(NOON + DAY)
        assert recipients() == ["zaak@example.nl"]
        assert QuotaAlert.objects.get().told_at == NOON + DAY

    def test_a_long_list_ends(self, strike, project):
        administrator(project.parent, "dienst@example.nl")
        for _number in range(MOST_LINES + 2):
            node = make_project(project.parent)
            Quota.objects.create(node=node, metric="servers", limit_now=10, claimed=9)
        strike(NOON)

        (letter,) = mail.outbox
        assert letter.body.count("\n- ") == MOST_LINES
        assert "En nog 2." in letter.body

    def test_old_letters_go(self, strike, quota, project):
        administrator(project, "zaak@example.nl")
        use(quota, 85)
        strike(NOON)
        strike(NOON + 3 * DAY)

        assert not QuotaLetter.objects.exists()


def test_without_a_mail_server_the_alerts_are_written_and_told_to_nobody(strike, quota, project):
    administrator(project, "zaak@example.nl")
    use(quota, 85)
    strike(NOON)

    assert kinds(quota) == {"nearly_full"}
    assert not QuotaLetter.objects.exists()
    assert mail.outbox == []
