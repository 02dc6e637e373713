"""The pages behind the catalogue in a real browser: accessible, and never wider than the screen."""

import os

import pytest
from django.conf import settings
from django.test import Client

from catalog.models import Offering, OfferingVersion, OfferingVersionState
from catalog.services.publications import propose_publication, refuse_publication
from portal.identity.models import Role
from tests.chromium import find_violations, is_too_wide, running_chromium
from tests.factories import OfferingVersionFactory, grant, make_organization
from tests.logins import log_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SCREENS = [(1280, "light", "nl"), (1280, "dark", "en"), (360, "light", "en"), (360, "light", "nl")]
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
        "waiting": f"{LIST}/versions/{draft.public_id}",
        "not-ready": f"{LIST}/versions/{bare.public_id}",
        "edit": f"{LIST}/versions/{bare.public_id}/edit",
        "published": f"{LIST}/versions/{version.public_id}",
        "withdraw": f"{LIST}/versions/{version.public_id}/withdraw",
        "drop": f"{LIST}/versions/{bare.public_id}/withdraw",
        "catalogue": "/catalogue",
    }


def test_pages_are_accessible_and_fit(live_server, pages, platform):
    # Django asks the database nothing while the browser runs: its event loop is in this thread.
    session = log_in(Client(), platform.colleague).cookies[settings.SESSION_COOKIE_NAME].value
    with running_chromium() as chromium:
        complaints = [
            complaint
            for screen in SCREENS
            for complaint in visit(chromium, live_server.url, session, pages, *screen)
        ]

    assert complaints == []


def test_an_empty_catalogue_is_accessible(live_server, platform):
    session = log_in(Client(), platform.drafter).cookies[settings.SESSION_COOKIE_NAME].value
    with running_chromium() as chromium:
        found = list(visit(chromium, live_server.url, session, {"empty": LIST}, 360, "light", "nl"))

    assert found == []


def visit(chromium, site, session, pages, width, scheme, language):
    """What is wrong with these pages on such a screen, for who has this session."""
    context = chromium.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, locale=language
    )
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": site}])
    page = context.new_page()
    for name, address in pages.items():
        page.goto(f"{site}{address}")
        if os.environ.get("SHOTS"):
            path = f"{os.environ['SHOTS']}/{name}-{width}-{language}.png"
            page.screenshot(path=path, full_page=True)
        yield from (f"{name} at {width}: {found}" for found in find_violations(page))
        if is_too_wide(page):
            yield f"{name} at {width}: too wide"
        if name in {"edit", "new"}:
            page.click("form[method=post] button.utrecht-button--primary-action")
            yield from (f"{name} sent at {width}: {found}" for found in find_violations(page))
            if os.environ.get("SHOTS"):
                path = f"{os.environ['SHOTS']}/{name}-sent-{width}-{language}.png"
                page.screenshot(path=path, full_page=True)
    context.close()
