"""The pages behind the catalogue: lists, drafts, decisions, and what becomes of what was typed."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from catalog.models import Offering, OfferingVersion, OfferingVersionState, PublicationState
from catalog.services.approval_rules import RuleSays, confirm_version, propose_rule
from catalog.services.publications import propose_publication
from portal.identity.models import Organization, Role
from portal.identity.oidc.assurance import Assurance
from tests.catalog.views.ordering import text_of, title_of
from tests.factories import (
    CloudFactory,
    OfferingVersionFactory,
    PersonFactory,
    grant,
    make_organization,
    published,
    withdrawn,
)
from tests.logins import log_in

pytestmark = pytest.mark.django_db
LIST = "/catalogue/manage"


def browser_of(person, language="en", **login):
    client = log_in(Client(), person, **login)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = language
    return client


@pytest.fixture
def drafter(platform):
    return browser_of(platform.drafter)


@pytest.fixture
def colleague(platform):
    return browser_of(platform.colleague)


def page_of(version, *more):
    return "/".join([LIST, "versions", str(version.public_id), *more])


def answers_of(browser, version, **changes):
    """The form as the page shows it, with changes."""
    form = browser.get(page_of(version, "edit")).context["form"]
    shown = {bound.html_name: bound.value() for bound in form}
    return {**{name: value for name, value in shown.items() if value is not None}, **changes}


class TestRules:
    def test_who_may_not_read_rules_sees_none(self, drafter, draft):
        page = drafter.get(page_of(draft))

        assert "No rule that you can see names this offering" in text_of(page)
        assert "approval-rules/new" not in page.content.decode()

    def test_who_governs_sees_them_and_proposes_one(self, platform, draft):
        governor, second = PersonFactory(), PersonFactory()
        node = Organization.objects.get(pk=platform.organization.pk)
        for person in (governor, second):
            grant(person, Role.QUOTA_ADMINISTRATOR, node)
        says = RuleSays(offering=draft.offering.public_id, people_of_project=2)
        proposed = propose_rule(node=node, name="Servers", says=says, actor=governor)
        browser = browser_of(governor)
        assert "Waits for a second person" in text_of(browser.get(page_of(draft)))

        confirm_version(proposed.public_id, actor=second)

        page = browser.get(page_of(draft))
        assert "2 approvers of the project" in text_of(page)
        assert f"approval-rules/new?offering={draft.offering.public_id}" in page.content.decode()


class TestList:
    def test_says_what_is_published_and_what_is_being_made(self, drafter, draft):
        text = text_of(drafter.get(LIST))

        assert "Virtual server , version 1" in text
        assert "Server, renewed , version 2" in text
        assert "Draft" in text
        assert "Published" in text

    def test_empty_it_says_what_to_do(self, platform, drafter):
        assert "Make the first offering" in text_of(drafter.get(LIST))
        auditor = browser_of(platform.auditor)
        assert "An operator makes the first offering" in text_of(auditor.get(LIST))

    def test_is_in_the_menu_of_who_governs_and_of_nobody_else(self, platform, drafter, draft):
        tenant = PersonFactory()
        grant(tenant, Role.OPERATOR, make_organization())

        assert f'href="{LIST}"' in drafter.get("/").content.decode()
        assert f'href="{LIST}"' not in browser_of(tenant).get("/").content.decode()
        assert browser_of(tenant).get(LIST).status_code == 403

    def test_what_waits_for_a_person_is_counted(self, platform, colleague, draft):
        propose_publication(draft.public_id, actor=platform.drafter)

        (link,) = [
            link
            for group in colleague.get(LIST).context["shell"].menu
            for link in group.links
            if link.url == LIST
        ]
        assert link.waiting == 1

    def test_asks_the_database_as_often_for_many_as_for_one(self, drafter, draft):
        def count():
            with CaptureQueriesContext(connection) as queries:
                drafter.get(LIST)
            return len(queries)

        count()
        before = count()
        for number in range(5):
            offering = Offering.objects.create(code=f"other-{number}", kind="server")
            OfferingVersionFactory(offering=offering, visible_to=[make_organization()])

        assert count() == before


class TestDraft:
    def test_a_new_offering_leads_to_what_can_be_chosen(self, drafter):
        cloud = CloudFactory()
        response = drafter.post(
            f"{LIST}/new",
            {
                "kind": "volume",
                "cloud": cloud.pk,
                "code": "disk",
                "name_nl": "Schijf",
                "name_en": "Disk",
                "description_nl": "Opslag.",
                "description_en": "Storage.",
            },
        )

        version = OfferingVersion.objects.get()
        assert response["Location"] == page_of(version, "edit")

    def test_what_is_wrong_stands_at_its_field_with_what_was_typed(self, drafter, version):
        typed = {"code": "virtual-server", "name_nl": "Mijn naam", "kind": "server"}

        response = drafter.post(f"{LIST}/new", typed)

        assert response.status_code == 422
        assert title_of(response).startswith("Error: ")
        assert "Mijn naam" in response.content.decode()
        assert OfferingVersion.objects.count() == 1

    def test_shows_what_the_cloud_has(self, drafter, draft):
        draft.cloud.flavors.create(name="gp.big", vcpus=8, memory_mib=8192, disk_gib=40)
        draft.cloud.images.update(gone_at=now())

        text = text_of(drafter.get(page_of(draft, "edit")))

        assert "gp.big 8 processors, 8 GiB memory, 40 GiB disk" in text
        assert "Debian 12 No longer in the cloud" in text

    def test_is_kept_as_it_was_filled_in(self, drafter, draft):
        tenant = make_organization(name="Een huurder")
        answers = answers_of(
            drafter,
            draft,
            name_en="Machine",
            visible_to=[str(tenant.public_id)],
            **{
                "choice-volume_gib-maximum": "100",
                "choice-networks": "intern; Intern; Internal; 10.20.4.0/24\n"
                "dmz; DMZ; DMZ; 10.20.8.0/24",
            },
        )

        response = drafter.post(page_of(draft, "edit"), answers)

        assert response["Location"] == page_of(draft)
        draft.refresh_from_db()
        assert draft.name_en == "Machine"
        assert draft.choices["volume_gib"]["maximum"] == 100
        assert [network["name"] for network in draft.choices["networks"]] == ["intern", "dmz"]
        assert list(draft.visible_to.all()) == [tenant.organization]

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("name_nl", ""),
            ("documentation_url", "http://x.nl"),
            ("choice-flavors", ["gp.huge"]),
            ("choice-volume_gib-minimum", "x"),
            ("choice-volume_gib-minimum", "999999"),
            ("choice-networks", "intern; Intern"),
            ("choice-networks", "intern; Intern; Internal; 8.8.8.0/24"),
            ("approval_days", "0"),
            ("visible_to", ["x"]),
        ],
    )
    def test_what_is_wrong_in_it_stands_at_its_field(self, drafter, draft, name, value):
        response = drafter.post(
            page_of(draft, "edit"), answers_of(drafter, draft, **{name: value, "name_en": "Typed"})
        )

        assert response.status_code == 422
        assert name in response.context["form"].errors
        assert "Typed" in response.content.decode()
        draft.refresh_from_db()
        assert draft.name_en == "Server, renewed"

    def test_for_an_organization_that_ended_stays_ticked_until_somebody_decides(
        self, drafter, draft
    ):
        tenant = make_organization(name="Opgeheven dienst")
        draft.visible_to.set([tenant])
        Organization.objects.filter(pk=tenant.pk).update(ended_at=now())
        shown = drafter.get(page_of(draft, "edit"))
        assert "Opgeheven dienst Ended" in text_of(shown)

        kept = drafter.post(page_of(draft, "edit"), answers_of(drafter, draft))

        assert kept.status_code == 422
        assert "One of these organisations has ended." in text_of(kept)
        assert list(draft.visible_to.all()) == [tenant]

    def test_a_published_version_is_copied_not_changed(self, drafter, version):
        assert drafter.get(page_of(version, "edit"))["Location"] == page_of(version)

        response = drafter.post(page_of(version, "copy"))

        draft = OfferingVersion.objects.get(state=OfferingVersionState.DRAFT)
        assert response["Location"] == page_of(draft, "edit")
        assert drafter.post(page_of(version, "copy")).status_code == 409


class TestVersion:
    def test_shows_how_it_looks_in_both_languages(self, drafter, draft):
        body = drafter.get(page_of(draft)).content.decode()

        dutch = body.split('tight" lang="nl">')[1].split('tight" lang="en">')[0]
        english = body.split('tight" lang="en">')[1]
        assert "Server, vernieuwd" in dutch
        assert "Besturingssysteem" in dutch
        assert "Server, renewed" in english
        assert "Operating system" in english

    def test_shows_what_changes_since_the_published_version(self, platform, colleague, draft):
        propose_publication(draft.public_id, actor=platform.drafter)

        text = text_of(colleague.get(page_of(draft)))

        assert "What changes since version 1" in text
        assert "Name in English Virtual server Server, renewed" in text
        assert "Publish version 2" in text

    def test_what_is_not_ready_says_why(self, drafter, platform):
        version = OfferingVersionFactory(state=OfferingVersionState.DRAFT)

        assert "Without a price: server.gp.small, volume.standard." in text_of(
            drafter.get(page_of(version))
        )
        response = drafter.post(page_of(version, "propose"))
        assert response.status_code == 422
        assert "Without a price" in text_of(response)

    def test_a_draft_without_choices_can_be_looked_at(self, drafter, draft):
        OfferingVersion.objects.filter(pk=draft.pk).update(choices={})

        assert drafter.get(page_of(draft)).status_code == 200
        assert drafter.get(page_of(draft, "edit")).status_code == 200

    def test_two_people_publish_it(self, platform, drafter, colleague, version, draft):
        assert drafter.post(page_of(draft, "propose")).status_code == 302
        publication = draft.publications.get()
        address = f"{LIST}/publications/{publication.public_id}"
        assert "somebody else decides" in text_of(drafter.get(page_of(draft)))
        assert drafter.post(f"{address}/publish").status_code == 403

        assert colleague.post(f"{address}/publish")["Location"] == page_of(draft)

        draft.refresh_from_db()
        assert draft.state == OfferingVersionState.PUBLISHED
        text = text_of(colleague.get(page_of(version)))
        assert "Withdrawn" in text
        assert "settled by Ruben Prins" in text

    def test_a_refusal_without_a_reason_is_not_a_decision(
        self, platform, drafter, colleague, draft
    ):
        publication = propose_publication(draft.public_id, actor=platform.drafter)
        address = f"{LIST}/publications/{publication.public_id}"

        response = colleague.post(f"{address}/refuse", {"reason": ""})

        assert response.status_code == 422
        assert "reason" in response.context["form"].errors
        colleague.post(f"{address}/refuse", {"reason": "Te duur"})
        publication.refresh_from_db()
        assert publication.state == PublicationState.REFUSED
        assert "Te duur" in text_of(drafter.get(page_of(draft)))

    def test_who_was_second_hears_that(self, platform, drafter, colleague, draft):
        publication = propose_publication(draft.public_id, actor=platform.drafter)
        address = f"{LIST}/publications/{publication.public_id}"
        drafter.post(f"{address}/take-back")

        response = colleague.post(f"{address}/publish")

        assert response.status_code == 409
        assert "this proposal is “Taken back” by now" in text_of(response)

    def test_withdrawing_is_asked_twice_and_names_it(self, colleague, version):
        page = colleague.get(page_of(version, "withdraw"))

        assert "Withdraw Virtual server, version 1?" in text_of(page)
        assert colleague.post(page_of(version, "withdraw"))["Location"] == page_of(version)
        version.refresh_from_db()
        assert version.state == OfferingVersionState.WITHDRAWN
        assert colleague.post(page_of(version, "withdraw")).status_code == 409

    def test_a_weak_login_leads_to_a_stronger_one(self, platform, version):
        weak = browser_of(platform.colleague, level=Assurance.LOW)

        assert "level=substantial" in weak.post(page_of(version, "withdraw"))["Location"]

    def test_for_who_does_not_govern_there_is_no_such_page(self, platform, draft):
        tenant = PersonFactory()
        grant(tenant, Role.OPERATOR, make_organization())

        for more in ((), ("edit",), ("withdraw",)):
            assert browser_of(tenant).get(page_of(draft, *more)).status_code == 404


def test_the_catalogue_leads_to_the_documentation(client, requester, draft, platform):
    OfferingVersion.objects.filter(pk=draft.pk).update(
        documentation_url="https://docs.example.nl/servers",
        price_list_url="https://prijzen.example.nl",
    )
    draft.refresh_from_db()
    withdrawn(draft.offering.versions.get(state=OfferingVersionState.PUBLISHED))
    published(draft)
    browser = browser_of(requester)

    for address in ("/catalogue", "/catalogue/virtual-server/order"):
        body = browser.get(address).content.decode()
        assert 'href="https://docs.example.nl/servers"' in body
        assert 'href="https://prijzen.example.nl"' in body
