"""Secrets of resources: kept for who asked, shown once, and written down as read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import transaction

from catalog.errors import SecretUnreadable
from catalog.kinds.secrets import FORMS, NewSecret, SecretForm
from catalog.models import Operation, Resource
from catalog.services.operations import asker_of
from portal.audit.services import record
from portal.cloud.crypto import Undecipherable
from portal.cloud.models import Secret
from portal.cloud.secrets import store_secret, take_secret
from portal.identity.models import Person


@dataclass(frozen=True)
class ShownSecret:
    """What was read: ``values`` by the names of its form. It is nowhere else any more."""

    form: str
    values: Mapping[str, str] = field(repr=False)

    @property
    def facts(self) -> SecretForm:
        """How it is shown."""
        return FORMS[self.form]

    def file(self, name: str) -> str | None:
        """The file of that name; None when this form has no such file."""
        for file in self.facts.files:
            if file.name == name:
                return file.write(self.values)
        return None


def keep_for_asker(resource: Resource, operation: Operation, secret: NewSecret) -> Secret:
    """Keep what a step made for who asked. Call inside the transaction that writes its outcome.

    Raises:
        ValueError: nobody asked: a plan that the clock begins hands out no secrets.
    """
    asker = asker_of(operation)
    if asker is None:
        raise ValueError(f"nobody asked for {operation.plan}")
    return store_secret(
        secret.text(),
        reader=asker,
        about=resource.public_id,
        slot=secret.slot,
        form=secret.form,
    )


@transaction.atomic(durable=True)
def read_secret(resource: Resource, slot: str, *, reader: Person) -> ShownSecret:
    """Show a secret to the one person it is for, the only time that this happens.

    Raises:
        SecretGone: there is nothing (left) for this reader.
        SecretUnreadable: the key that it was encrypted with is no longer configured.
    """
    try:
        secret, text = take_secret(resource.public_id, slot, reader=reader)
    except Undecipherable as error:
        raise SecretUnreadable() from error
    record(
        "secret.read",
        resource,
        actor=reader,
        node_id=resource.project_id,
        data={"slot": secret.slot},
    )
    return ShownSecret(secret.form, json.loads(text))
