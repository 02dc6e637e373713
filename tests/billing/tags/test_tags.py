"""Tags: who defines keys, who sets values from when, what is inherited, what it does to costs."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils.translation import override

from billing.models import MeteredResource, TagFact, TagKey
from billing.services.allocations import Place
from billing.services.charging import list_charges
from billing.services.tag_keys import MOST_KEYS, define_tag_key, keys_for, withdraw_tag_key
from billing.services.tagged_costs import share_out, tagged_months
from billing.services.tags import Tag, set_tag, tags_of
from catalog.services.tree import _hang
from portal.audit.models import AuditEntry
from portal.core.errors import InvalidInput, NotAllowed
from portal.identity.models import Node, NodeParent, Organization, Person, Project, Role
from tests.billing.tags.conftest import NOVEMBER, member, november, running, tag_from
from tests.constraints import refused_by
from tests.factories import make_organization, make_project

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mid_november")]


@pytest.fixture(autouse=True)
def phase(ministry: Organization, finance: Person, mid_november: None) -> TagKey:
    return define_tag_key(ministry, "fase", actor=finance)


def tag(place: Place, key: str = "fase") -> Tag:
    (found,) = [one for one in tags_of(place) if one.key == key]
    return found


def euros(node: Node, key: str = "fase") -> dict[str | None, Decimal]:
    """What November cost, by value."""
    (found,) = tagged_months([node.pk], key, [NOVEMBER], at=NOVEMBER.end)
    return {value: costs.total for value, costs in found.realised.items()}


def moved_below(ministry: Organization, *, key: str) -> tuple[Organization, Project]:
    """An agency with a key of its own and a project, that a moment ago stood elsewhere."""
    agency = make_organization(make_organization(name="Ander ministerie"), "Agentschap")
    define_tag_key(agency, key, actor=member(Role.FINANCE, agency))
    project = make_project(agency)
    _hang(agency, ministry)
    agency.refresh_from_db()
    project.refresh_from_db()
    return agency, project


class TestKeys:
    def test_hold_for_everything_below(self, project: Project, phase: TagKey) -> None:
        assert keys_for(project) == [phase]

    def test_capitals_do_not_count(self, ministry: Organization, finance: Person) -> None:
        assert define_tag_key(ministry, " Team ", actor=finance).name == "team"

    @pytest.mark.parametrize(
        "name",
        ["", "9fase", "cloudloket/fase", "fa se", "f\u0430se", "=fase", "fa\u202ese", "f" * 41],
        ids=["empty", "digit", "prefix", "space", "Cyrillic", "formula", "bidi", "long"],
    )
    def test_refuse_hostile_names(self, ministry: Organization, finance: Person, name: str) -> None:
        with pytest.raises(InvalidInput) as refusal:
            define_tag_key(ministry, name, actor=finance)

        assert list(refusal.value.errors) == ["name"]
        assert TagKey.objects.count() == 1

    @pytest.mark.parametrize("value", ["", "=1+1", "\u0430", "a\nb", "x" * 41, "-1"])
    def test_refuse_hostile_values(
        self, ministry: Organization, finance: Person, value: str
    ) -> None:
        with pytest.raises(InvalidInput) as refusal:
            define_tag_key(ministry, "team", allowed_values=["a", value], actor=finance)

        assert list(refusal.value.errors) == ["allowed_values"]

    def test_are_defined_once_on_the_way_up(
        self, ministry: Organization, project: Project, finance: Person
    ) -> None:
        define_tag_key(project.parent, "team", actor=finance)

        for organization, key in ((project.parent, "fase"), (ministry, "team")):
            with pytest.raises(InvalidInput), override("en"):
                define_tag_key(organization, key, actor=finance)

    def test_may_be_the_same_beside_each_other(
        self, ministry: Organization, project: Project, finance: Person
    ) -> None:
        define_tag_key(project.parent, "team", actor=finance)
        define_tag_key(make_organization(ministry), "team", actor=finance)

        assert TagKey.objects.filter(name="team").count() == 2

    def test_are_not_too_many_for_any_place(
        self, ministry: Organization, project: Project, finance: Person
    ) -> None:
        for number in range(MOST_KEYS - 1):
            define_tag_key(project.parent, f"key{number}", actor=finance)

        for organization in (ministry, project.parent):
            with pytest.raises(InvalidInput):
                define_tag_key(organization, "een-te-veel", actor=finance)
        define_tag_key(make_organization(ministry), "past-nog", actor=finance)

    def test_said_anew_replace_what_was_said(
        self, ministry: Organization, project: Project, finance: Person
    ) -> None:
        define_tag_key(ministry, "fase", allowed_values=["test"], is_required=True, actor=finance)

        (key,) = keys_for(project)
        assert (key.allowed_values, key.is_required) == (["test"], True)

    @pytest.mark.parametrize("role", [Role.APPROVER, Role.REQUESTER, Role.AUDITOR])
    def test_take_finance_of_the_organization(self, ministry: Organization, role: Role) -> None:
        with pytest.raises(NotAllowed):
            define_tag_key(ministry, "team", actor=member(role, ministry))
        with pytest.raises(NotAllowed):
            withdraw_tag_key(ministry, "fase", actor=member(role, ministry))

    def test_a_move_may_bring_two_of_a_name_together_and_the_highest_counts(
        self, ministry: Organization, finance: Person
    ) -> None:
        agency, project = moved_below(ministry, key="fase")
        define_tag_key(ministry, "fase", allowed_values=["x"], actor=finance)
        define_tag_key(agency, "fase", allowed_values=["y"], actor=finance)

        assert [key.allowed_values for key in keys_for(project)] == [["x"]]
        with pytest.raises(InvalidInput):
            tag_from(16, project, "y", finance)
        tag_from(16, project, "x", finance)

    @pytest.mark.parametrize("withdraws", ["ministry", "agency"])
    def test_values_stay_while_another_above_or_below_defines_the_key(
        self, ministry: Organization, finance: Person, withdraws: str
    ) -> None:
        agency, project = moved_below(ministry, key="fase")
        tag_from(1, project, "test", finance)
        tag_from(1, ministry, "productie", finance)

        withdraw_tag_key(ministry if withdraws == "ministry" else agency, "fase", actor=finance)

        (own,) = TagFact.objects.filter(node=project)
        assert own.valid_until is None
        (above,) = TagFact.objects.filter(node=ministry)
        assert (above.valid_until is None) == (withdraws == "agency")
        last = agency if withdraws == "ministry" else ministry
        withdraw_tag_key(last, "fase", actor=finance)
        assert not TagFact.objects.filter(valid_until=None).exists()

    def test_too_many_since_a_move_may_still_change(
        self, ministry: Organization, finance: Person
    ) -> None:
        for number in range(MOST_KEYS - 1):
            define_tag_key(ministry, f"key{number}", actor=finance)
        agency, _project = moved_below(ministry, key="team")

        define_tag_key(agency, "team", is_required=True, actor=finance)

        with pytest.raises(InvalidInput):
            define_tag_key(agency, "nog-een", actor=finance)

    def test_a_project_defines_none(self, project: Project, finance: Person) -> None:
        with pytest.raises(InvalidInput):
            define_tag_key(project, "team", actor=finance)

    def test_withdrawn_take_their_values_along_from_today(
        self, ministry: Organization, server: MeteredResource, finance: Person
    ) -> None:
        tag_from(1, server, "test", finance)
        tag_from(1, server.project, "productie", finance)
        withdraw_tag_key(ministry, "fase", actor=finance)

        assert keys_for(server.project) == []
        assert euros(server.project) == {"test": Decimal("150.00"), None: Decimal("150.00")}


class TestSetting:
    def test_the_nearest_holds(
        self, ministry: Organization, server: MeteredResource, finance: Person
    ) -> None:
        for place, value in ((ministry, "a"), (server.project, "b"), (server, "c")):
            tag_from(1, place, value, finance)

        found = tag(server)
        assert (found.current and found.current.value, found.source) == ("c", None)
        tag_from(1, server, "", finance)
        found = tag(server)
        assert found.current
        assert (found.current.value, found.source and found.source.name) == ("b", "Zaaksysteem")

    def test_required_and_without_value_is_shown_as_such(
        self, ministry: Organization, server: MeteredResource, finance: Person
    ) -> None:
        define_tag_key(ministry, "fase", is_required=True, actor=finance)
        assert tag(server).is_missing
        tag_from(1, server.project, "test", finance)
        assert not tag(server).is_missing

    def test_only_allowed_values(
        self, ministry: Organization, server: MeteredResource, finance: Person
    ) -> None:
        define_tag_key(ministry, "fase", allowed_values=["test", "productie"], actor=finance)
        with pytest.raises(InvalidInput) as refusal:
            tag_from(1, server, "Test", finance)
        assert list(refusal.value.errors) == ["value"]
        tag_from(1, server, "test", finance)

    @pytest.mark.parametrize("value", ["=1+1", "@x", "\u0430", "a\u0000b", "x" * 41, "a\u200b"])
    def test_hostile_values_are_refused(
        self, server: MeteredResource, finance: Person, value: str
    ) -> None:
        with pytest.raises(InvalidInput) as refusal:
            tag_from(1, server, value, finance)
        assert list(refusal.value.errors) == ["value"]
        assert not TagFact.objects.exists()

    def test_a_key_that_is_not_here_is_refused(
        self, server: MeteredResource, finance: Person
    ) -> None:
        elsewhere = make_organization()
        define_tag_key(elsewhere, "team", actor=member(Role.FINANCE, elsewhere))
        for key in ("team", "onbekend"):
            with pytest.raises(InvalidInput) as refusal:
                tag_from(1, server, "a", finance, key=key)
            assert list(refusal.value.errors) == ["key"]

    @pytest.mark.parametrize("day", [date(2026, 10, 31), date(2032, 1, 1)])
    def test_only_days_that_are_not_settled(
        self, server: MeteredResource, finance: Person, day: date
    ) -> None:
        with pytest.raises(InvalidInput) as refusal:
            set_tag(server, "fase", value="a", starts_on=day, actor=finance)
        assert list(refusal.value.errors) == ["starts_on"]

    def test_it_takes_finance(self, server: MeteredResource, ministry: Organization) -> None:
        with pytest.raises(NotAllowed):
            tag_from(1, server, "a", member(Role.APPROVER, ministry))
        assert AuditEntry.objects.filter(event="node.change_refused").exists()

    def test_it_is_written_down(self, server: MeteredResource, finance: Person) -> None:
        tag_from(1, server, "a", finance)
        entry = AuditEntry.objects.get(event="tag.set")
        assert (entry.data["key"], entry.data["value"]) == ("fase", "a")


class TestMoney:
    def test_is_cut_where_the_value_changes(self, server: MeteredResource, finance: Person) -> None:
        running(server.project, "zaak-app-02")
        tag_from(11, server, "test", finance)
        tag_from(21, server.project, "productie", finance)

        assert euros(server.project) == {
            "test": Decimal("200.00"),
            "productie": Decimal("100.00"),
            None: Decimal("300.00"),
        }

    def test_no_charge_is_cut_elsewhere(self, server: MeteredResource, finance: Person) -> None:
        tag_from(11, server, "test", finance)

        assert len(list_charges([server.project.pk], period=NOVEMBER, as_of=NOVEMBER.end)) == 1

    def test_what_was_inherited_stays_where_the_project_was(
        self, server: MeteredResource, finance: Person, ministry: Organization
    ) -> None:
        project, other = server.project, make_organization(ministry, "Andere dienst")
        tag_from(1, project.parent, "a", finance)
        tag_from(1, other, "b", finance)
        NodeParent.objects.filter(node=project).update(valid_until=november(11))
        NodeParent.objects.create(node=project, parent=other, valid_from=november(11))

        assert euros(ministry) == {"a": Decimal("100.00"), "b": Decimal("200.00")}

    def test_another_key_is_another_matter(self, server: MeteredResource, finance: Person) -> None:
        tag_from(1, server, "test", finance)

        assert euros(server.project, "team") == {None: Decimal("300.00")}

    @pytest.mark.parametrize(
        ("total", "exact", "cents"),
        [
            ("0.01", ("0.005", "0.005"), ("0.01", "0.00")),
            ("10.00", ("3.333333", "3.333333", "3.333334"), ("3.33", "3.33", "3.34")),
            ("0.02", ("0.009", "0.0125"), ("0.01", "0.01")),
            ("0.00", ("0.002", "0.002"), ("0.00", "0.00")),
        ],
    )
    def test_cents_go_to_those_of_which_most_was_cut_off(
        self, total: str, exact: tuple[str, ...], cents: tuple[str, ...]
    ) -> None:
        assert share_out(Decimal(total), list(map(Decimal, exact))) == list(map(Decimal, cents))


class TestGuards:
    def test_a_tag_may_only_end(self, server: MeteredResource, finance: Person) -> None:
        tag_from(1, server, "a", finance)
        with refused_by("tag_fact_may_only_end"):
            TagFact.objects.update(value="b")
        with refused_by("tag_fact_may_only_end"):
            TagFact.objects.all()._raw_delete(TagFact.objects.db)
        with refused_by("tag_fact_may_only_end"):
            execute("TRUNCATE billing_tagfact")

    def test_a_key_may_only_end(self, phase: TagKey) -> None:
        with refused_by("tag_key_may_only_end"):
            TagKey.objects.update(is_required=True)
        with refused_by("tag_key_may_only_end"):
            execute("TRUNCATE billing_tagkey CASCADE")

    def test_one_value_at_a_time(self, server: MeteredResource) -> None:
        TagFact.objects.create(resource=server, key="fase", value="a", valid_from=november(1))
        TagFact.objects.create(resource=server, key="team", value="a", valid_from=november(1))
        TagFact.objects.create(node=server.project, key="fase", value="a", valid_from=november(1))
        with refused_by("tag_one_value_at_a_time"):
            TagFact.objects.create(resource=server, key="fase", value="b", valid_from=november(2))


def execute(statement: str) -> Any:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement)


def test_another_project_is_not_touched(
    server: MeteredResource, finance: Person, ministry: Organization
) -> None:
    tag_from(1, server.project, "a", finance)
    assert tag(make_project(ministry)).current is None
