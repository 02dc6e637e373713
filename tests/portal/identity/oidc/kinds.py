"""Providers of each kind, by a file as an administrator would write it."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpResponse
from django.test import Client

from portal.identity.models import Organization, Person, Role, RoleGrant
from tests.factories import grant_in_portal
from tests.portal.identity.oidc.fake_provider import FakeProvider, log_in

BSN = "999990019"
KEY = bytes.fromhex("5a" * 32)
CITY_OIN = "00000001002306608000"
CITY_KVK, CITY_RSIN = "90001354", "002306608"
BRANCH = "000012345678"
KVK = "urn:etoegang:1.9:EntityConcernedID:KvKnr"
RSIN = "urn:etoegang:1.9:EntityConcernedID:RSIN"
LEGAL = "urn:etoegang:core:LegalSubjectID"
ACTING = "urn:etoegang:core:ActingSubjectID"
RESTRICTION = "urn:etoegang:1.9:ServiceRestriction:Vestigingsnr"
LOA3 = "urn:etoegang:core:assurance-class:loa3"
SUBSTANTIAL = "urn:oasis:names:tc:SAML:2.0:ac:classes:Smartcard"
ENTITLEMENT = "urn:rijksoverheid.nl:entitlement"
NUMBER = "urn:rijksoverheid.nl:organizationNumber"

Use = Callable[..., None]

SETTINGS = """
[providers.local]
profile = "{profile}"
issuer = "{issuer}"
client_id = "cloudloket"
client_authentication = "client_secret_post"
client_secret_file = "secret"
signing_algorithm = "RS256"
{more}
"""


def grant(person: Person, code: str, role: str = "requester") -> RoleGrant:
    """As somebody does it in the portal."""
    return grant_in_portal(person, Role(role), Organization.objects.get(code=code).node_ptr)


def code_of(response: HttpResponse) -> str:
    text = response.content.decode()
    return text.partition('data-code="')[2].partition('"')[0]


def first_login(client: Client, provider: FakeProvider) -> Person:
    """Somebody new gets no further than a page that says under which name they are known."""
    response = log_in(client, provider)
    assert code_of(response) == "no_access"
    person = Person.objects.get()
    assert person.name in response.content.decode()
    assert "_auth_user_id" not in client.session
    return person
