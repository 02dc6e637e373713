"""Several limits at once: what they would do, and that exactly that is done."""

from datetime import timedelta
from decimal import Decimal
from random import Random
from threading import Thread

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from django.utils.translation import override

from catalog.limit_files import MOST_ROWS
from catalog.models import LimitChange, Metric, Quota, QuotaLimit
from catalog.quota_errors import LimitsChanged, LimitsRefused, PlanUnreadable
from catalog.services.limit_plans import (
    Effect,
    PlanLine,
    Preview,
    apply_plan,
    open_plan,
    preview_limits,
    seal_plan,
)
from catalog.services.limits import Step, set_limit
from portal.audit.models import AuditEntry
from portal.core.errors import NotAllowed
from portal.identity.models import Node, Role
from portal.identity.oidc.step_up import LONGEST_KEPT
from tests.factories import PersonFactory, grant, make_organization, make_project

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def organization(db):
    organization = make_organization()
    limit(organization, 100)
    return organization


@pytest.fixture
def projects(organization):
    projects = [make_project(organization) for _number in range(3)]
    for one in projects:
        limit(one, 20)
    return projects


@pytest.fixture
def administrator(organization):
    person = PersonFactory()
    grant(person, Role.QUOTA_ADMINISTRATOR, organization)
    return person


def limit(node: Node, amount: int | None, **period) -> None:
    with transaction.atomic():
        value = None if amount is None else Decimal(amount)
        period = {"valid_from": now(), **period}
        set_limit(node, Metric.VCPUS, value, actor=None, **period)


def line(node: Node, amount: int | None, **others) -> PlanLine:
    value = None if amount is None else Decimal(amount)
    return PlanLine(node=node, metric=Metric.VCPUS, amount=value, **others)


def everything() -> list[list]:
    """All that a plan could change, as it stands in the database."""
    return [
        list(Quota.objects.order_by("pk").values()),
        list(QuotaLimit.objects.order_by("pk").values()),
        list(LimitChange.objects.order_by("pk").values()),
        list(AuditEntry.objects.order_by("pk").values_list("pk", "event")),
    ]


def apply(preview, actor, reason="Nieuw jaar"):
    return apply_plan(preview.lines_to_set, seen=preview.seen, reason=reason, actor=actor)


class TestPreview:
    def test_it_tells_the_effect_and_changes_nothing(self, administrator, projects):
        Quota.objects.filter(node=projects[0]).update(claimed=12)
        before = everything()

        first, second, third = preview_limits(
            [line(projects[0], 30), line(projects[1], 20), line(projects[2], 0)],
            actor=administrator,
        ).effects

        assert (first.before, first.claimed, first.free) == (20, 12, 18)
        assert [effect.is_new for effect in (first, second, third)] == [True, False, True]
        assert not any(effect.problems for effect in (first, second, third))
        assert everything() == before

    def test_a_limit_below_what_is_claimed_warns_and_is_no_mistake(self, administrator, projects):
        Quota.objects.filter(node=projects[0]).update(claimed=12)

        preview = preview_limits([line(projects[0], 11)], actor=administrator)

        (effect,) = preview.effects
        assert (effect.is_over, effect.free, effect.problems) == (True, -1, [])
        apply(preview, administrator)
        assert Quota.objects.get(node=projects[0]).over_since is not None

    @override("en")
    def test_everything_that_is_wrong_is_told_at_its_line(self, administrator, projects):
        elsewhere = make_project()
        soon = now() + timedelta(hours=1)
        lines = [
            line(elsewhere, 5, number=1),
            line(projects[0], -1, number=2),
            line(projects[1], 5, valid_from=soon, valid_until=soon, number=3),
            line(projects[2], 90, number=4),
            line(projects[2], 30, number=5),
        ]

        problems = [
            " ".join(effect.problems)
            for effect in preview_limits(lines, actor=administrator).effects
        ]

        assert "do not set the limits" in problems[0]
        assert "whole number" in problems[1]
        assert "after the beginning" in problems[2]
        assert "would hand out 130 of 100" in problems[3]
        assert "Line 4 is about this already" in problems[4]

    def test_one_part_may_have_two_lines_for_two_periods(self, administrator, projects):
        later = now() + timedelta(days=10)
        lines = [line(projects[0], 25, valid_until=later), line(projects[0], 30, valid_from=later)]

        preview = preview_limits(lines, actor=administrator)

        assert not preview.has_problems
        apply(preview, administrator)
        assert [each.amount for each in LimitChange.objects.order_by("-pk")[:2]] == [30, 25]

    @pytest.mark.parametrize(
        ("held", "asked", "changes"),
        [
            ([(20, 0, None)], (20, 0, None), False),
            ([(20, 0, None)], (20, 0, 5), False),
            ([(20, 0, None)], (21, 0, 5), True),
            ([(20, 0, 5), (30, 5, None)], (20, 0, 5), False),
            ([(20, 0, 5), (30, 5, None)], (20, 0, None), True),  # the plan for later goes
            ([(20, 0, 5), (20, 6, None)], (20, 0, None), True),  # a gap is filled
            ([(20, 0, 5), (20, 5, None)], (20, 0, None), False),
            ([(20, 3, None)], (0, 0, 3), False),
            ([(None, 0, None)], (None, 0, None), False),
            ([(None, 0, None)], (20, 0, None), True),
        ],
    )
    def test_a_line_changes_something_where_any_moment_gets_another_limit(
        self, administrator, projects, held, asked, changes
    ):
        at = now() + timedelta(days=1)
        quota = Quota.objects.get(node=projects[0], metric=Metric.VCPUS)
        quota.limits.all().delete()
        for amount, start, end in held:
            QuotaLimit.objects.create(
                quota=quota,
                amount=amount,
                valid_from=at + timedelta(days=start),
                valid_until=None if end is None else at + timedelta(days=end),
            )
        amount, start, end = asked
        new = line(
            projects[0],
            amount,
            valid_from=at + timedelta(days=start),
            valid_until=None if end is None else at + timedelta(days=end),
        )

        Quota.objects.filter(node=projects[0].parent).update(overcommit_allowed=True)
        (effect,) = preview_limits([new], actor=administrator).effects

        assert effect.is_new is changes

    def test_it_tells_what_was_to_follow_and_no_longer_does(self, administrator, projects):
        alfa, bravo, charlie = projects
        end, later = now() + timedelta(days=30), now() + timedelta(days=60)
        limit(alfa, 25, valid_until=end)
        limit(bravo, 50, valid_from=end, valid_until=later)
        limit(charlie, 0, valid_from=end)

        preview = preview_limits(
            [
                PlanLine(node=alfa, metric=Metric.VCPUS, amount=Decimal(26)),
                PlanLine(node=bravo, metric=Metric.VCPUS, amount=Decimal(21)),
                PlanLine(node=charlie, metric=Metric.VCPUS, amount=Decimal(22), valid_until=end),
            ],
            actor=administrator,
        )

        assert [
            [(one.since, one.until, one.limit) for one in effect.undone]
            for effect in preview.effects
        ] == [[(end, None, 20)], [(end, later, 50), (later, None, 20)], []]

    def test_the_trail_tells_it_too(self, administrator, projects):
        end = now() + timedelta(days=30)
        limit(projects[0], 25, valid_until=end)
        lines = [PlanLine(node=projects[0], metric=Metric.VCPUS, amount=Decimal(26))]
        preview = preview_limits(lines, actor=administrator)

        apply_plan(preview.lines_to_set, seen=preview.seen, reason="x", actor=administrator)

        entry = AuditEntry.objects.filter(event="quota.limit_set").latest("at")
        assert entry.data["undone"] == [
            {"from": end.isoformat(), "until": None, "amount": "20.000000"}
        ]

    def test_its_queries_do_not_depend_on_how_many_lines_there_are(
        self, administrator, organization
    ):
        def queries(count: int) -> int:
            nodes = [make_project(organization) for _number in range(count)]
            with CaptureQueriesContext(connection) as captured:
                preview_limits([line(node, 1) for node in nodes], actor=administrator)
            return len(captured)

        assert queries(2) == queries(12)


class TestApply:
    def test_each_change_has_an_entry_of_its_own(self, administrator, projects):
        preview = preview_limits(
            [line(projects[0], 30), line(projects[1], 20), line(projects[2], None)],
            actor=administrator,
        )
        Quota.objects.filter(node=projects[0].parent).update(overcommit_allowed=True)
        preview = preview_limits([effect.line for effect in preview.effects], actor=administrator)

        apply(preview, administrator)

        changes = LimitChange.objects.filter(reason="Nieuw jaar").order_by("pk")
        told = [entry.data for entry in AuditEntry.objects.filter(event="quota.limit_set")]
        amounts = {data["change"]: data["amount"] for data in told}
        assert [amounts[str(change.public_id)] for change in changes] == ["30", None]
        assert len(told) == LimitChange.objects.count()
        assert {change.changed_by for change in changes} == {administrator}

    def test_a_limit_that_was_shown_and_changed_meanwhile_stops_all(self, administrator, projects):
        preview = preview_limits([line(node, 25) for node in projects], actor=administrator)
        limit(projects[1], 22)
        before = everything()

        with pytest.raises(LimitsChanged):
            apply(preview, administrator)

        assert everything() == before

    def test_so_does_a_plan_for_later_that_was_not_shown(self, administrator, projects):
        preview = preview_limits([line(projects[0], 25)], actor=administrator)
        limit(projects[0], 30, valid_from=now() + timedelta(days=3))

        with pytest.raises(LimitsChanged):
            apply(preview, administrator)

    def test_so_does_a_limit_that_now_gets_too_low(self, administrator, projects):
        preview = preview_limits([line(projects[0], 10)], actor=administrator)
        Quota.objects.filter(node=projects[0]).update(claimed=11)

        with pytest.raises(LimitsChanged):
            apply(preview, administrator)

    def test_other_claims_and_other_limits_are_no_hindrance(self, administrator, projects):
        preview = preview_limits([line(projects[0], 10)], actor=administrator)
        Quota.objects.filter(node=projects[0]).update(claimed=9)
        limit(projects[1], 22)

        apply(preview, administrator)

        assert Quota.objects.get(node=projects[0]).limit_now == 10

    def test_what_does_not_fit_any_more_is_refused(self, administrator, projects):
        preview = preview_limits([line(projects[0], 60)], actor=administrator)
        limit(projects[1], 40)

        with pytest.raises(LimitsRefused):
            apply(preview, administrator)

    def test_without_the_role_any_more_nothing_is_set(self, administrator, projects):
        preview = preview_limits([line(projects[0], 10)], actor=administrator)

        with pytest.raises(NotAllowed):
            apply(preview, PersonFactory())

        assert AuditEntry.objects.filter(event="quota.limit_refused").count() == 1

    def test_of_two_at_once_one_is_told_to_look_again(self, administrator, projects):
        previews = [
            preview_limits([line(node, amount) for node in projects], actor=administrator)
            for amount in (25, 30)
        ]
        outcomes: list[str] = []

        def run(preview) -> None:
            try:
                apply(preview, administrator)
                outcomes.append("set")
            except LimitsChanged:
                outcomes.append("changed")
            finally:
                connection.close()

        threads = [Thread(target=run, args=[preview]) for preview in previews]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(outcomes) == ["changed", "set"]
        assert Quota.objects.filter(node__in=projects).values("limit_now").distinct().count() == 1


class TestSeal:
    def test_what_is_sealed_comes_back_whole(self, administrator, projects):
        later = now() + timedelta(days=3)
        nodes = list(Node.objects.filter(pk__in=[one.pk for one in projects]).order_by("pk"))
        asked = [
            line(nodes[0], 30, number=4),
            line(nodes[1], 10, valid_from=later, valid_until=later + timedelta(days=1)),
            line(nodes[2], 20),  # changes nothing
        ]
        preview = preview_limits(asked, actor=administrator)

        lines, seen = open_plan(seal_plan(preview, actor=administrator), actor=administrator)

        assert (lines, seen) == (asked[:2], preview.seen)

    def test_nobody_alters_it_or_hands_in_that_of_another(self, administrator, projects):
        preview = preview_limits([line(projects[0], 30)], actor=administrator)
        text = seal_plan(preview, actor=administrator)

        for altered, person in (
            (text, PersonFactory()),
            (f"x{text}", administrator),
            ("", administrator),
            ("a:b:c\x00", administrator),
        ):
            with pytest.raises(PlanUnreadable):
                open_plan(altered, actor=person)

    def test_the_longest_plan_is_kept_over_a_login(self, administrator):
        dice = Random(7)  # noqa: S311  (no secret)
        step = Step(LimitChange(), is_new=True, undone=[])
        year = now().replace(hour=23, minute=0, second=0, microsecond=0)
        effects = [
            Effect(
                PlanLine(
                    node=Node(pk=dice.randrange(1_000_000)),
                    metric=dice.choice(list(Metric)),
                    amount=Decimal(dice.randrange(100_000)),
                    valid_from=year + timedelta(days=dice.randrange(365)),
                    valid_until=year + timedelta(days=dice.randrange(365, 730)),
                    number=number + 2,
                ),
                step,
            )
            for number in range(MOST_ROWS)
        ]

        text = seal_plan(Preview(effects, "0" * 64), actor=administrator)

        assert len(text) < LONGEST_KEPT - 2_000  # beside it, a reason
