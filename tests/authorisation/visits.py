"""Sending the request of a row as one of the visitors, in a database that then forgets it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from portal.core.problem import API_PREFIX
from portal.identity.models import Person
from portal.identity.oidc.assurance import Assurance
from tests.authorisation.contents import Watch
from tests.authorisation.vocabulary import NOBODY, STRANGER, VISITORS, Place, Row, Visitor, Who
from tests.authorisation.world import Tenant, World
from tests.logins import log_in

Cookies = Mapping[str, str]


@contextmanager
def rolled_back() -> Iterator[None]:
    """Undo whatever happens inside. Services find the outermost transaction that they ask for."""
    block = transaction.atomic()
    block._from_testcase = True  # as Django's own TestCase does, for atomic(durable=True)
    with block:
        yield
        transaction.set_rollback(True)


@dataclass(frozen=True)
class Visits:
    """Everybody logged in, and a watch on what the database held then."""

    world: World
    cookies: Mapping[Visitor, Cookies]
    weak_cookies: Mapping[Visitor, Cookies]
    watch: Watch

    @classmethod
    def prepare(cls, world: World) -> Visits:
        """Log everybody in, once with a strong and once with a weak login."""
        people = [visitor for visitor in VISITORS if visitor != STRANGER]
        return cls(
            world=world,
            cookies={v: _cookies(person_of(v, world), Assurance.HIGH) for v in people},
            weak_cookies={v: _cookies(person_of(v, world), Assurance.LOW) for v in people},
            watch=Watch(),
        )

    def send(self, row: Row, visitor: Visitor, *, is_weak: bool = False) -> HttpResponse:
        """Send the complete and right request about the things of the tenant here."""
        here = self.world.here
        return self.request(
            row.method,
            self.address(row),
            visitor,
            query=_sent(row.query, here),
            body=_sent(row.body, here),
            headers=row.headers,
            is_weak=is_weak,
        )

    def request(
        self,
        method: str,
        address: str,
        visitor: Visitor,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        is_weak: bool = False,
    ) -> HttpResponse:
        client = Client()
        client.cookies.load((self.weak_cookies if is_weak else self.cookies).get(visitor, {}))
        options: dict[str, Any] = {"query_params": query or {}, "headers": headers or {}}
        if address.startswith(API_PREFIX):
            options["content_type"] = "application/json"
        if method != "GET":
            options["data"] = body or {}
        send = getattr(client, method.lower())
        response: HttpResponse = send(address, **options)
        if response.streaming:  # read, so that the file behind it is closed
            response.streaming_content = [response.getvalue()]
        return response

    def address(self, row: Row) -> str:
        made = self.world.here.things[row.of] if row.of else ()
        things = made if isinstance(made, tuple) else (made,)
        names = [getattr(thing, "public_id", thing) for thing in things]
        return reverse(row.route, args=[*names, *row.arguments])


def tenants_of(visitor: Visitor, world: World) -> list[Tenant]:
    """The tenants that the visitor reaches with some role."""
    reached = {
        Place.HERE: [world.here],
        Place.ABOVE: [world.here, world.next_door],
        Place.NEXT_DOOR: [world.next_door],
        Place.ELSEWHERE: [world.elsewhere],
    }
    return reached[visitor.place] if visitor.place else []


def person_of(visitor: Visitor, world: World) -> Person:
    if visitor == NOBODY:
        return world.nobody
    (tenant, *_others) = tenants_of(visitor, world)
    others = {
        Who.ASKER: tenant.asker,
        Who.EVERY_ROLE: tenant.all_rounder,
        Who.CHIEF: world.chief,
    }
    return (others | tenant.people)[visitor.who]


def _cookies(person: Person, level: Assurance) -> Cookies:
    client = log_in(Client(), person, level=level)
    name = settings.SESSION_COOKIE_NAME
    return {name: client.cookies[name].value}


def _sent(value: Any, tenant: Tenant) -> Mapping[str, Any]:
    sent: Mapping[str, Any] = value(tenant) if callable(value) else value
    return sent
