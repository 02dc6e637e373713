"""What there can be prices of: added, described otherwise, and removed while unused."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
from django.utils.translation import override

from billing.errors import SkuGone, SkuInUse
from billing.focus.columns import CATEGORY_OF, SUBCATEGORIES
from billing.models import SHARED_SKU, Price, Sku
from billing.services import skus, tariffs
from billing.services.skus import SkuSays, add_sku, edit_sku, remove_sku
from billing.services.split_reading import shared_sku
from portal.audit.models import AuditEntry
from portal.core.errors import InvalidInput, NotAllowed
from portal.identity.models import Role
from tests.billing.tariffs.conftest import costs, month_ahead, price_at, says
from tests.constraints import execute, refused_by
from tests.factories import PersonFactory, grant, make_organization, make_project
from tests.factories.billing import MeteredResourceFactory, SkuFactory, UsageSpanFactory
from tests.races import at_once, meeting

pytestmark = pytest.mark.django_db
CODE = "server.g1.large"
SAYS = SkuSays(
    name_nl="Server met GPU, groot",
    name_en="Server with GPU, large",
    service_category="Compute",
    service_subcategory="Virtual Machines",
)


@pytest.fixture
def added(treasury):
    return add_sku(CODE, SAYS, actor=treasury.first)


def entry(event):
    return AuditEntry.objects.get(event=event)


def errors_of(actor, code=CODE, **says):
    with override("en"), pytest.raises(InvalidInput) as refusal:
        add_sku(code, replace(SAYS, **says), actor=actor)
    return refusal.value.errors


def test_what_is_added_can_get_a_price_by_two_people(added, agreed):
    agreed(costs("310", sku=CODE))

    assert price_at(month_ahead(1), sku=CODE) == "310"
    assert asdict(SAYS).items() <= vars(Sku.objects.get(code=CODE)).items()


def test_the_trail_says_who_added_what(added, treasury):
    said = entry("sku.added")

    assert said.data == {"sku": CODE, **asdict(SAYS)}
    assert (said.actor_id, said.node_id) == (treasury.first.pk, treasury.organization.pk)


def test_what_is_changed_is_told_as_it_was_and_is(added, treasury):
    edit_sku(
        CODE,
        actor=treasury.second,
        name_en=" GPU server ",
        service_category="AI and Machine Learning",
        service_subcategory="AI Platforms",
    )

    added.refresh_from_db()
    assert (added.name_nl, added.name_en) == (SAYS.name_nl, "GPU server")
    assert entry("sku.changed").data == {
        "sku": CODE,
        "before": {
            "name_en": SAYS.name_en,
            "service_category": "Compute",
            "service_subcategory": "Virtual Machines",
        },
        "after": {
            "name_en": "GPU server",
            "service_category": "AI and Machine Learning",
            "service_subcategory": "AI Platforms",
        },
    }


def test_a_change_that_changes_nothing_leaves_no_trace(added, treasury):
    edit_sku(CODE, actor=treasury.first, **asdict(SAYS))

    assert not AuditEntry.objects.filter(event="sku.changed").exists()


def test_a_category_alone_does_not_go_with_the_subcategory_that_stays(added, treasury):
    with pytest.raises(InvalidInput) as refusal:
        edit_sku(CODE, actor=treasury.first, service_category="Storage")

    assert list(refusal.value.errors) == ["service_subcategory"]


def test_what_was_mistyped_is_removed_and_that_is_told(added, treasury):
    remove_sku(CODE, actor=treasury.first)

    assert not Sku.objects.filter(code=CODE).exists()
    assert entry("sku.removed").data == {"sku": CODE, **asdict(SAYS)}


class TestInUse:
    def test_what_had_a_price_stays(self, added, treasury, agreed):
        agreed(costs("310", sku=CODE))
        self.refused(treasury)

    def test_what_somebody_proposed_a_price_of_stays(self, added, treasury, proposed):
        proposed(costs("310", sku=CODE))
        assert not Price.objects.exists()
        self.refused(treasury)

    def test_what_was_used_stays(self, added, treasury):
        project = make_project(make_organization(name="Dienst"))
        UsageSpanFactory(resource=MeteredResourceFactory(project=project), sku=added)
        self.refused(treasury)

    def refused(self, treasury):
        with pytest.raises(SkuInUse):
            remove_sku(CODE, actor=treasury.first)
        assert Sku.objects.filter(code=CODE).exists()


def test_the_code_never_changes(added):
    with refused_by("sku_keeps_its_code"):
        execute("UPDATE billing_sku SET code = 'server.g1.small' WHERE id = %s", added.pk)
    execute("UPDATE billing_sku SET name_nl = 'Anders' WHERE id = %s", added.pk)


@pytest.mark.parametrize("code", [SHARED_SKU, "server.unknown", "server.\x00"])
def test_what_does_not_exist_or_is_of_shared_costs_is_left_alone(treasury, code):
    shared_sku()

    with pytest.raises(SkuGone):
        edit_sku(code, actor=treasury.first, name_en="Mine")
    with pytest.raises(SkuGone):
        remove_sku(code, actor=treasury.first)


# --- who may -----------------------------------------------------------------------------------


def test_only_finance_of_the_platform_may(added, treasury):
    ministry = make_organization(name="Ministerie van Proeven")
    elsewhere = PersonFactory()
    grant(elsewhere, Role.FINANCE, ministry)

    for person in (elsewhere, treasury.auditor):
        with pytest.raises(NotAllowed):
            add_sku("server.other", SAYS, actor=person)
        with pytest.raises(NotAllowed):
            edit_sku(CODE, actor=person, name_en="Mine")
        with pytest.raises(NotAllowed):
            remove_sku(CODE, actor=person)
    assert list(Sku.objects.values_list("code", flat=True)) == [CODE]


# --- what is typed -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        *("server.gp.small", "security_group", "server.SCS-2V:8", "volume.__DEFAULT__"),
        *("server.m1 groot", "server.gpu/a100", "server.größe", "x" * 80),
    ],
)
def test_a_code_may_be_what_the_cloud_calls_things(treasury, code):
    assert add_sku(f" {code} ", SAYS, actor=treasury.first).code == code


@pytest.mark.parametrize(
    "code",
    [
        *("", " ", ".", "server.", ".gp", "Server.gp", "1server.gp", "ser ver.gp", "ser/ver.gp"),
        *("server.\x00", "server.a\nb", "server.\x1b[31m", "server.\u202egp", "server.\u2028gp"),
        *(
            "server.a\N{NO-BREAK SPACE}b",
            "server.\ud800",
            "server./../x",
            "server./.",
            "server.a//b",
        ),
        *("server.a/", "s\N{CYRILLIC SMALL LETTER IE}rver.gp", "x" * 81),
    ],
)
def test_what_is_no_code_is_refused_in_words(treasury, code):
    assert list(errors_of(treasury.first, code)) == ["code"]
    assert not Sku.objects.exists()


def test_a_code_that_is_taken_is_refused(added, treasury):
    assert errors_of(treasury.first) == {"code": ["There is a SKU with this code already."]}


def test_the_code_of_shared_costs_is_kept_for_these(treasury):
    assert "shared" in errors_of(treasury.first, SHARED_SKU)["code"][0]


@pytest.mark.parametrize("name", ["", "  ", "a\x00b", "a\nb", "\u202eanders", "x" * 121])
def test_what_is_no_name_is_refused_at_its_field(treasury, name):
    assert list(errors_of(treasury.first, name_nl=name)) == ["name_nl"]
    assert list(errors_of(treasury.first, name_en=name)) == ["name_en"]


@pytest.mark.parametrize(
    ("category", "subcategory", "field"),
    [
        ("Storage", "Virtual Machines", "service_subcategory"),
        ("Compute", "", "service_subcategory"),
        ("Compute", "virtual machines", "service_subcategory"),
        ("Compute", "Other (Storage)", "service_subcategory"),
        ("", "Virtual Machines", "service_category"),
        ("Compute\x00", "Virtual Machines", "service_category"),
    ],
)
def test_a_pair_that_focus_does_not_know_is_refused(treasury, category, subcategory, field):
    says = {"service_category": category, "service_subcategory": subcategory}

    assert list(errors_of(treasury.first, **says)) == [field]


def test_all_that_is_wrong_is_told_at_once(treasury):
    wrong = errors_of(treasury.first, "", name_nl="", name_en="", service_category="Koffie")

    assert list(wrong) == ["code", "service_category", "name_nl", "name_en"]


def test_a_subcategory_is_of_one_category():
    """So a form asks for it alone."""
    assert sum(map(len, SUBCATEGORIES.values())) == len(CATEGORY_OF)


# --- at once -----------------------------------------------------------------------------------


def add_at_once(treasury):
    return at_once(
        lambda: add_sku(CODE, SAYS, actor=treasury.first),
        lambda: add_sku(CODE, SAYS, actor=treasury.second),
    )


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    @pytest.fixture(autouse=True)
    def meet(self, monkeypatch):
        look = tariffs.may_set_tariffs
        monkeypatch.setattr(tariffs, "may_set_tariffs", meeting(look))

    def test_two_add_one_code_and_the_second_hears_it_is_taken(self, treasury):
        assert sorted(add_at_once(treasury)) == ["InvalidInput", "done"]
        assert AuditEntry.objects.filter(event="sku.added").count() == 1

    def test_without_the_lock_the_second_would_meet_the_database(self, treasury, monkeypatch):
        monkeypatch.setattr(tariffs, "lock_tariffs", lambda: None)
        monkeypatch.setattr(skus, "_new_code", meeting(skus._new_code))

        assert sorted(add_at_once(treasury)) == ["IntegrityError", "done"]

    def test_what_somebody_proposes_a_price_of_is_not_removed(self, treasury):
        SkuFactory(code=CODE)
        says_price = says(costs("310", sku=CODE))
        outcomes = at_once(
            lambda: tariffs.propose_round(says_price, actor=treasury.first),
            lambda: remove_sku(CODE, actor=treasury.second),
        )

        assert sorted(outcomes) in (["SkuInUse", "done"], ["InvalidInput", "done"])
