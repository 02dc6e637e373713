"""The three logins of ./run: what each account is good for, in a portal with the demo data."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as portal_settings
from django.db.models import QuerySet
from django.test import Client
from django.urls import clear_url_caches
from django.utils.timezone import now
from pytest_django import Settings

from local.identity_provider.kinds import KINDS
from local.layout import PORT_NAMES, Layout
from local.login_files import write_login_files
from portal.identity.models import Identity, Organization, Person, Role, RoleGrant
from portal.identity.oidc.assurance import Assurance
from portal.identity.oidc.provider_file import read_providers
from portal.web.demo.organizations import NO_PROVIDER, load_organizations
from tests.factories import grant_in_portal
from tests.portal.identity.oidc.journey import PORTAL, ROOT, Walk, free_port, running

pytestmark = pytest.mark.django_db

ROLES = {
    ("rijk", "requester"): "requester@waterregistratie",
    ("rijk", "approver"): "approver@mwb",
    ("rijk", "finance"): "finance@mwb",
    ("rijk", "quota"): "quota_administrator@mwb",
    ("rijk", "operator"): "operator@mwb",
    ("rijk", "auditor"): "auditor@mwb",
    ("rijk", "outsider"): "requester@voorbeeldstad",
    ("eherkenning", "city-requester"): "requester@voorbeeldstad",
    ("eherkenning", "city-approver"): "approver@voorbeeldstad",
    ("eherkenning", "city-reader"): "auditor@voorbeeldstad",
    ("eherkenning", "city-branch"): "requester@burgerzaken",
}
REFUSED = {
    ("eherkenning", "city-newcomer"): "no_access",
    ("eherkenning", "supplier"): "organization_unknown",
    ("digid", "citizen-basic"): "no_access",
    ("digid", "citizen-middle"): "no_access",
    ("digid", "citizen-substantial"): "no_access",
    ("digid", "citizen-high"): "no_access",
}


def known_by_login() -> QuerySet[Identity]:
    """Without the people whom the demonstration knows, as owners of its projects."""
    return Identity.objects.exclude(issuer=NO_PROVIDER)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The portal's list of providers, while all of them run."""
    home = tmp_path_factory.mktemp("home")
    python = Path(sys.executable)
    layout = Layout(
        checkout=ROOT,
        home=home,
        ports=dict.fromkeys(PORT_NAMES, 1) | {"identity_provider": free_port()},
        python=python,
        openstack_python=python,
    )
    for_the_providers, for_the_portal = write_login_files(layout, PORTAL)
    command = [sys.executable, "-m", "local.identity_provider"]
    for file in for_the_providers:
        command += ["--config", str(file)]
    with running(command, ready="ready"):
        yield for_the_portal


@pytest.fixture(autouse=True)
def _portal(files: Path, db: None, settings: Settings) -> Iterator[None]:
    """A portal with these providers: their addresses are made when it starts."""
    load_organizations(now())
    ours = portal_settings.OIDC_PROVIDERS
    settings.OIDC_PROVIDERS = read_providers(str(files), variable="FILE", allow_loopback=True)
    make_addresses()
    yield
    settings.OIDC_PROVIDERS = ours
    make_addresses()


def make_addresses() -> None:
    for name in ("portal.identity.urls", "portal.urls"):
        importlib.reload(importlib.import_module(name))
    clear_url_caches()


def roles() -> set[str]:
    grants = RoleGrant.objects.select_related("node").exclude(issuer="")
    return {f"{grant.role}@{grant.node.code}" for grant in grants}


def test_people_choose_and_the_civil_servants_come_first() -> None:
    page = Client().get("/login?next=/orders").content.decode()

    addresses = [f'href="/login/{key}?next=%2Forders"' for key in ("rijk", "eherkenning", "digid")]
    places = [page.find(address) for address in addresses]
    assert -1 not in places
    assert places == sorted(places)


@pytest.mark.parametrize(("who", "role"), ROLES.items(), ids=lambda value: str(value))
def test_account_with_a_role(who: tuple[str, str], role: str) -> None:
    key, account = who
    walk = Walk(provider=key)

    assert walk.log_in("account", account)["Location"] == "/"
    assert walk.client.get("/").status_code == 200
    assert roles() == {role}


@pytest.mark.parametrize(("who", "code"), REFUSED.items(), ids=lambda value: str(value))
def test_account_without_one(who: tuple[str, str], code: str) -> None:
    key, account = who

    page = Walk(provider=key).log_in("account", account)

    assert f'data-code="{code}"' in page.content.decode()
    is_known = code == "no_access"
    assert known_by_login().exists() == is_known
    if is_known:
        assert known_by_login().get().person.name in page.content.decode()


@pytest.mark.parametrize(
    ("key", "account"),
    [("rijk", "requester"), ("eherkenning", "city-requester"), ("digid", "citizen-basic")],
)
def test_every_level_can_be_shown_and_stepped_up_to(key: str, account: str) -> None:
    levels = portal_settings.OIDC_PROVIDERS[key].assurance
    acrs = list(KINDS["sso-rijk" if key == "rijk" else key].levels)
    assert set(acrs) == set(levels)
    Walk(provider=key).log_in("account", account)
    let_in(known_by_login().get().person)
    for acr in acrs:
        walk = Walk(provider=key)

        walk.log_in("account", account, level=acr)

        assert walk.client.session["login"]["level"] == levels[acr]
        refused = walk.log_in("account", account, "?level=high&max_age=0", level=acrs[0])
        assert 'data-code="assurance_too_low"' in refused.content.decode()
        walk.log_in("account", account, "?level=high&max_age=0&next=/orders", level=acrs[-1])
        assert walk.client.session["login"]["level"] == Assurance.HIGH


def let_in(person: Person) -> None:
    """By a colleague, for who got no role from the provider."""
    if not person.grants.exists():
        grant_in_portal(person, Role.REQUESTER, Organization.objects.get(code="mwb"))


def test_logging_out_at_one_provider_leaves_the_others_alone() -> None:
    walk = Walk(provider="rijk")
    walk.log_in("account", "requester")
    walk.provider = "eherkenning"
    walk.log_in("account", "city-requester")
    walk.log_out()

    assert walk.log_in("account", "city-approver")["Location"] == "/"
    assert roles() == {
        "requester@waterregistratie",
        "requester@voorbeeldstad",
        "approver@voorbeeldstad",
    }
    walk.provider = "rijk"
    assert walk.log_in("account", "nobody-asks")["Location"] == "/"
