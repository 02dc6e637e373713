"""The pages behind the catalogue in a real browser: accessible, and never wider than the screen."""

import pytest

from catalog.models import Offering, OfferingVersion, OfferingVersionState
from catalog.services.publications import propose_publication, refuse_publication
from portal.identity.models import Role
from tests.chromium import complaints_about
from tests.factories import OfferingVersionFactory, grant, make_organization
from tests.logins import session_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LIST = "/catalogue/manage"


@pytest.fixture
def pages(platform, project, version, disk, draft):
    """Every page in its fullest state."""
    grant(platform.colleague, Role.REQUESTER, project)
    for number in range(3):
        make_organization(name=f"Ministerie van Zaken {number}")
    agency = make_organization(platform.organization, name="Agentschap Bodemonderzoek")
    draft.cloud.flavors.create(name="gp.large", vcpus=8, memory_mib=16384, disk_gib=40)
    draft.cloud.images.create(name="Windows Server 2025, met alles erop en eraan")
    refused = propose_publication(draft.public_id, actor=platform.drafter)
    refuse_publication(
        refused.public_id, actor=platform.colleague, reason="De naam zegt niet wat het is."
    )
    draft.visible_to.set([agency])
    OfferingVersion.objects.filter(pk=draft.pk).update(
        documentation_url="https://docs.example.nl/servers/handleiding-voor-wie-het-nog-nooit-deed",
        price_list_url="https://prijzen.example.nl",
        approval_days=7,
    )
    propose_publication(draft.public_id, actor=platform.drafter)
    bare = OfferingVersionFactory(
        offering=Offering.objects.create(code="bare", kind="server", position=3),
        state=OfferingVersionState.DRAFT,
        name_nl="Zware server",
        name_en="Heavy server",
        choices={**draft.choices, "flavors": ["gp.large", "gp.gone"]},
    )
    return {
        "list": LIST,
        "new": f"{LIST}/new",
        "new-sent": f"{LIST}/new",
        "waiting": f"{LIST}/versions/{draft.public_id}",
        "not-ready": f"{LIST}/versions/{bare.public_id}",
        "edit": f"{LIST}/versions/{bare.public_id}/edit",
        "edit-sent": f"{LIST}/versions/{bare.public_id}/edit",
        "published": f"{LIST}/versions/{version.public_id}",
        "withdraw": f"{LIST}/versions/{version.public_id}/withdraw",
        "drop": f"{LIST}/versions/{bare.public_id}/withdraw",
        "catalogue": "/catalogue",
    }


def test_pages_are_accessible_and_fit(live_server, pages, platform):
    session = session_of(platform.colleague)

    assert complaints_about(pages, site=live_server.url, session=session, arrive=send) == []


def send(page, name):
    """What was in the form already."""
    if name.endswith("-sent"):
        page.click("form[method=post] button.utrecht-button--primary-action")


def test_an_empty_catalogue_is_accessible(live_server, platform):
    session = session_of(platform.drafter)

    assert complaints_about({"empty": LIST}, site=live_server.url, session=session) == []
