"""Making the catalogue: who may, what a draft may say, and what the audit trail tells of it."""

from dataclasses import replace
from decimal import Decimal

import pytest
from django.utils.timezone import now
from django.utils.translation import override

from billing.meters import Meter
from billing.models import Price
from catalog.errors import DraftExists, DraftWaits, OfferingNotReady, VersionSettled
from catalog.kinds import all_kinds, get_kind
from catalog.kinds import base as kinds
from catalog.kinds.base import Kind
from catalog.kinds.choices import Ticks
from catalog.kinds.parameters import Option, Parameter, Widget
from catalog.models import Metric, OfferingVersion, OfferingVersionState
from catalog.offering_forms import NewOfferingForm
from catalog.services import offerings
from catalog.services.offering_checks import problems_of
from catalog.services.offering_facts import changes_between, words_of
from catalog.services.offerings import (
    DraftContent,
    create_offering,
    draft_from,
    drop_draft,
    edit_draft,
)
from catalog.services.publications import propose_publication, publish_version
from portal.audit.models import AuditEntry
from portal.core.errors import InvalidInput, NotAllowed
from portal.identity.models import Organization, Role
from portal.web.demo.catalogue import OFFERINGS
from tests.factories import (
    CloudFactory,
    OfferingVersionFactory,
    PersonFactory,
    end_price,
    grant,
    make_organization,
    place,
    priced,
    published,
    withdrawn,
)

pytestmark = pytest.mark.django_db
TEXTS = {
    "name_nl": "Schijf",
    "name_en": "Disk",
    "description_nl": "Opslag die blijft.",
    "description_en": "Storage that stays.",
}


def content_of(version, **changes):
    """What the draft says now, with changes."""
    content = DraftContent(
        name_nl=version.name_nl,
        name_en=version.name_en,
        description_nl=version.description_nl,
        description_en=version.description_en,
        documentation_url="",
        price_list_url="",
        choices=version.choices,
        visible_to=[],
        approval_days=14,
        compensate_after_hours=72,
        maximum_term_days=None,
        grace_days=14,
    )
    return replace(content, **changes)


def end_organization(organization):
    Organization.objects.filter(pk=organization.pk).update(ended_at=now())


def create(actor, **changes):
    cloud = CloudFactory()
    facts = {"code": "disk", "kind": "volume", "cloud": cloud, "texts": TEXTS, **changes}
    return create_offering(**facts, actor=actor)


def refused(draft, actor, **changes):
    """The fields that an edit with these changes is refused for; nothing is kept of it."""
    before = OfferingVersion.objects.values().get(pk=draft.pk)
    with pytest.raises(InvalidInput) as refusal:
        edit_draft(draft.public_id, content_of(draft, **changes), actor=actor)
    assert OfferingVersion.objects.values().get(pk=draft.pk) == before
    return set(refusal.value.errors)


class TestWhoMay:
    @pytest.mark.parametrize("role", [role for role in Role if role is not Role.OPERATOR])
    def test_only_an_operator_of_the_platform_makes_drafts(self, platform, draft, role):
        person = PersonFactory()
        grant(person, role, platform.organization)

        with pytest.raises(NotAllowed):
            edit_draft(draft.public_id, content_of(draft), actor=person)
        with pytest.raises(NotAllowed):
            create(person)

    @pytest.mark.parametrize("role", Role)
    def test_a_role_in_another_organization_decides_nothing_for_all(self, platform, draft, role):
        person = PersonFactory()
        grant(person, role, make_organization(name="Een huurder"))

        for refused_act in (draft_from, drop_draft, propose_publication):
            with pytest.raises(NotAllowed):
                refused_act(draft.public_id, actor=person)

    def test_without_a_governing_organization_nobody_does(self, platform, settings):
        settings.CATALOGUE_ORGANIZATION = ""

        with pytest.raises(NotAllowed):
            create(platform.drafter)


class TestNewOffering:
    def test_begins_with_a_draft_of_everything_that_the_cloud_has(self, platform):
        version = create(platform.drafter)

        assert (version.state, version.number) == (OfferingVersionState.DRAFT, 1)
        assert version.choices["volume_types"] == ["standard"]
        assert version.drafted_by == platform.drafter
        entry = AuditEntry.objects.get(event="offering.created")
        assert (entry.actor_id, entry.node_id) == (platform.drafter.pk, platform.organization.pk)
        assert entry.data == {"code": "disk", "kind": "volume", "cloud": "sovereign"}

    @pytest.mark.parametrize("code", ["", "A", "1a", "a_b", "-a", "a-", "a" * 41, "a/b", "a\n"])
    def test_a_code_that_no_address_can_hold_is_refused(self, platform, code):
        with pytest.raises(InvalidInput) as refusal:
            create(platform.drafter, code=code)

        assert set(refusal.value.errors) == {"code"}

    def test_a_code_is_used_once(self, platform, version):
        with pytest.raises(InvalidInput) as refusal:
            create(platform.drafter, code=version.offering.code)

        assert set(refusal.value.errors) == {"code"}

    def test_a_code_that_two_take_at_one_moment_is_for_the_first(
        self, platform, version, monkeypatch
    ):
        monkeypatch.setattr(offerings, "_code_errors", lambda code: {})  # both looked before

        with pytest.raises(InvalidInput) as refusal:
            create(platform.drafter, code=version.offering.code)

        assert set(refusal.value.errors) == {"code"}

    def test_every_text_is_needed_and_the_kind_exists(self, platform):
        with pytest.raises(InvalidInput) as refusal:
            create(platform.drafter, kind="castle", texts=dict.fromkeys(TEXTS, " "))

        assert set(refusal.value.errors) == {"kind", *TEXTS}

    def test_what_is_only_ever_found_in_the_cloud_is_not_offered(self, platform):
        with pytest.raises(InvalidInput) as refusal:
            create(platform.drafter, kind="router")

        assert set(refusal.value.errors) == {"kind"}
        assert "router" not in dict(NewOfferingForm().fields["kind"].choices)


class TestDraft:
    def test_a_published_version_is_copied_into_the_next_draft(self, platform, version):
        copy = draft_from(version.public_id, actor=platform.drafter)

        assert (copy.number, copy.state) == (2, OfferingVersionState.DRAFT)
        assert changes_between(version, copy) == []
        version.refresh_from_db()
        assert version.state == OfferingVersionState.PUBLISHED

    def test_for_whom_it_exists_is_copied_too(self, platform, version):
        tenant = make_organization()
        withdrawn(version)
        narrow = OfferingVersionFactory(visible_to=[tenant])

        copy = draft_from(narrow.public_id, actor=platform.drafter)

        assert list(copy.visible_to.all()) == [tenant]

    def test_what_was_for_one_that_ended_is_not_for_everybody_after_it(self, platform, version):
        tenant = make_organization()
        withdrawn(version)
        narrow = OfferingVersionFactory(visible_to=[tenant])
        end_organization(tenant)

        copy = draft_from(narrow.public_id, actor=platform.drafter)

        assert list(copy.visible_to.all()) == [tenant]
        tenant.refresh_from_db()
        assert refused(copy, platform.drafter, visible_to=[tenant]) == {"visible_to"}

    def test_there_is_one_draft_at_a_time(self, platform, version, draft):
        with pytest.raises(DraftExists):
            draft_from(version.public_id, actor=platform.drafter)

    def test_what_changed_stands_in_the_trail_before_and_after(self, platform, draft):
        tenant = make_organization()

        edit_draft(
            draft.public_id,
            content_of(
                draft,
                name_en="  Machine ",
                documentation_url="https://docs.example.nl/servers",
                visible_to=[tenant],
                approval_days=7,
            ),
            actor=platform.drafter,
        )

        entry = AuditEntry.objects.get(event="offering.changed")
        assert entry.data == {
            "before": {
                "name_en": "Server, renewed",
                "documentation_url": "",
                "approval_days": 14,
                "visible_to": [],
            },
            "after": {
                "name_en": "Machine",
                "documentation_url": "https://docs.example.nl/servers",
                "approval_days": 7,
                "visible_to": [str(tenant.public_id)],
            },
        }

    def test_nothing_changed_is_nothing_to_tell(self, platform, draft):
        edit_draft(draft.public_id, content_of(draft), actor=platform.drafter)

        assert not AuditEntry.objects.filter(event="offering.changed").exists()

    @override("en")
    def test_only_the_longest_term_may_be_left_out(self, platform, draft):
        for days, said in ((30, "30 days"), (None, "None: an end date may be left out")):
            content = content_of(draft, maximum_term_days=days)
            edited = edit_draft(draft.public_id, content, actor=platform.drafter)

            assert edited.maximum_term_days == days
            assert words_of(edited)["Longest term"] == said

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("name_nl", ""),
            ("name_en", "x" * 81),
            ("description_en", "\x00"),
            ("documentation_url", "http://docs.example.nl"),
            ("documentation_url", "javascript:alert(1)"),
            ("price_list_url", "https://"),
            ("price_list_url", f"https://example.nl/{'x' * 300}"),
            ("approval_days", 0),
            ("compensate_after_hours", 721),
            ("maximum_term_days", -1),
            ("maximum_term_days", 3654),
            ("grace_days", None),
            ("grace_days", 0),
        ],
    )
    def test_what_cannot_be_is_refused_at_its_field(self, platform, draft, field, value):
        assert refused(draft, platform.drafter, **{field: value}) == {field}

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("flavors", []),
            ("flavors", ["gp.huge"]),
            ("flavors", [["gp.small"]]),
            ("images", "Debian 12"),
            ("networks", []),
            ("networks", [{"name": "intern"}]),
            ("volume_gib", {"minimum": 5, "maximum": 4, "default": 5}),
            ("volume_gib", {"minimum": 1, "maximum": 9, "default": 10}),
            ("volume_gib", {"minimum": True, "maximum": 9, "default": 2}),
            ("volume_gib", {"minimum": 1, "maximum": 99_999, "default": 2}),
            ("volume_gib", None),
            ("unknown", 1),
        ],
    )
    def test_a_choice_that_the_kind_does_not_know_is_refused(self, platform, draft, name, value):
        choices = {**draft.choices, name: value}

        assert refused(draft, platform.drafter, choices=choices) == {name}

    @pytest.mark.parametrize(
        "cidr", ["8.8.8.0/24", "10.0.0.0/8", "10.0.0.0/30", "10.20.4.1/24", "x"]
    )
    def test_a_network_of_an_offering_is_private_and_of_a_usual_size(self, platform, draft, cidr):
        (network,) = draft.choices["networks"]
        choices = {**draft.choices, "networks": [{**network, "cidr": cidr}]}

        assert refused(draft, platform.drafter, choices=choices) == {"networks"}

    def test_a_published_version_is_no_draft(self, platform, version):
        with pytest.raises(VersionSettled):
            edit_draft(version.public_id, content_of(version), actor=platform.drafter)

    def test_what_waits_for_a_decision_cannot_change(self, platform, draft):
        propose_publication(draft.public_id, actor=platform.drafter)

        for act in (drop_draft, propose_publication):
            with pytest.raises(DraftWaits):
                act(draft.public_id, actor=platform.drafter)
        with pytest.raises(DraftWaits):
            edit_draft(draft.public_id, content_of(draft), actor=platform.drafter)

    def test_a_dropped_draft_stays_in_the_history(self, platform, draft):
        drop_draft(draft.public_id, actor=platform.drafter)

        draft.refresh_from_db()
        assert (draft.state, draft.withdrawn_by) == ("withdrawn", platform.drafter)
        assert draft_from(draft.public_id, actor=platform.drafter).number == 3


class TestReadiness:
    def test_a_complete_draft_has_no_problems(self, draft):
        assert problems_of(draft) == []

    def test_a_missing_price_is_named(self, platform, draft):
        draft.cloud.flavors.create(name="gp.big", vcpus=8, memory_mib=8192, disk_gib=40)
        choices = {**draft.choices, "flavors": ["gp.small", "gp.big"]}
        edit_draft(draft.public_id, content_of(draft, choices=choices), actor=platform.drafter)
        end_price("volume.standard")

        with pytest.raises(OfferingNotReady) as refusal:
            propose_publication(draft.public_id, actor=platform.drafter)

        (reason,) = refusal.value.reasons
        assert "server.gp.big, volume.standard" in reason

    def test_a_price_for_one_organization_is_enough_where_only_that_sees_it(self, platform, draft):
        tenant, other = make_organization(), make_organization()
        ended = end_price("server.gp.small")
        Price.objects.create(
            price_list=ended.price_list,
            sku=ended.sku,
            organization=tenant,
            unit=ended.unit,
            amount=ended.amount,
            valid_from=ended.valid_until,
        )
        assert problems_of(draft) != []

        draft.visible_to.set([tenant])
        assert problems_of(draft) == []

        draft.visible_to.set([tenant, other])
        assert problems_of(draft) != []

    def test_what_left_the_cloud_meanwhile_is_not_published(self, platform, draft):
        publication = propose_publication(draft.public_id, actor=platform.drafter)
        draft.cloud.images.update(gone_at=publication.proposed_at)

        with pytest.raises(OfferingNotReady, match="Debian 12"):
            publish_version(publication.public_id, actor=platform.colleague)

    def test_a_question_without_answers_is_a_problem(self, draft):
        draft.cloud.images.update(min_disk_gib=21)

        assert len(problems_of(draft)) == 1

    def test_every_way_to_choose_needs_its_price(self, platform):
        """A router is metered only for who wants a way out."""
        priced(network="1.00")
        version = create(platform.drafter, code="net", kind="network")

        assert "router" in problems_of(version)[0]


class TestKinds:
    def test_every_kind_accepts_what_its_offerings_begin_with(self, platform):
        cloud = CloudFactory()
        for kind in all_kinds():
            for item in kind.choice_fields(cloud):
                if item.begin():
                    assert item.clean(item.begin()) == item.begin()

    def test_every_kind_declares_all_that_it_reads(self, version):
        """The demonstration's catalogue can be drafted anew, kind by kind."""
        for facts in OFFERINGS:
            fields = get_kind(facts["kind"]).choice_fields(version.cloud)
            made = {item.name for item in fields}
            needed = {item.name for item in fields if not item.is_left_out([])}
            assert needed <= set(facts.get("choices", {})) <= made

    def test_a_toy_kind_is_drafted_without_any_other_code(self, platform, monkeypatch):
        class Flower(Kind):
            key, icon, label = "flower", "flower", "Flower"
            plans = {}

            def choice_fields(self, cloud):
                options = [Option(value=name, label=name) for name in ("red", "blue")]
                return [Ticks(name="colours", label="Colours", options=options)]

            def parameters(self, version):
                options = [Option(value=name, label=name) for name in version.choices["colours"]]
                widget = Widget.SELECT
                return [Parameter(name="c", label="C", section="S", widget=widget, options=options)]

            def quota_demand(self, version, spec):
                return {Metric.SERVERS: Decimal(1)}

            def meters(self, version, spec):
                return [Meter(f"flower.{spec['c']}", Decimal(1))]

            def summary(self, spec):
                return ""

            def usage_started_at(self, facts):
                return None

        monkeypatch.setitem(kinds._KINDS, "flower", Flower())
        version = create(platform.drafter, code="flower", kind="flower")

        assert version.choices == {"colours": ["red", "blue"]}
        assert "flower.blue, flower.red" in problems_of(version)[0]


def test_an_order_keeps_the_version_it_was_made_with(platform, requester, project, version, draft):
    order = place(requester, project, version)
    withdrawn(version)
    published(draft)

    assert order.lines.get().offering_version == version
    assert place(requester, project, draft).lines.get().offering_version == draft
