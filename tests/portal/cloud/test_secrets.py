"""A secret is for one reader, once, within a day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import transaction
from django.utils.timezone import now
from pytest_django.fixtures import Settings

from portal.cloud.crypto import Undecipherable, decrypt, derive_password, encrypt
from portal.cloud.models import Secret
from portal.cloud.secrets import (
    SecretGone,
    forget_secrets,
    store_secret,
    take_secret,
    waiting_secrets,
)
from portal.cloud.tasks import delete_expired_secrets

OLD, NEW = b"o" * 32, b"n" * 32
TEXT = "s3cret ✓"


@dataclass
class Reader:
    pk: int


OWNER, STRANGER = Reader(1), Reader(2)
THING = uuid4()


@pytest.fixture(autouse=True)
def keys(settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = {1: OLD, 2: NEW}


def test_newest_key_encrypts_and_older_ones_still_decrypt(settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = {1: OLD}
    version, ciphertext = encrypt(TEXT, bound_to=b"row")
    settings.ENCRYPTION_KEYS = {1: OLD, 2: NEW}

    assert version == 1
    assert decrypt(version, ciphertext, bound_to=b"row") == TEXT
    assert encrypt(TEXT, bound_to=b"row")[0] == 2


def test_ciphertext_never_repeats_and_hides_the_text() -> None:
    texts = {encrypt(TEXT, bound_to=b"row")[1] for _ in range(20)}

    assert len(texts) == 20
    assert not any(TEXT.encode() in text for text in texts)


def test_derived_password_is_of_its_purpose_and_the_newest_key(settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = {1: OLD}
    before = derive_password("project-1")
    settings.ENCRYPTION_KEYS = {1: OLD, 2: NEW}

    assert derive_password("project-1") == derive_password("project-1")
    assert len({before, derive_password("project-1"), derive_password("project-2")}) == 3
    assert len(before.encode()) <= 72  # Keystone takes no longer one where bcrypt keeps it


@pytest.mark.parametrize(
    "spoil",
    [
        lambda version, text: (version, text[:-1] + bytes([text[-1] ^ 1]), b"row"),
        lambda version, text: (version, text, b"another row"),
        lambda version, text: (1, text, b"row"),
        lambda version, text: (3, text, b"row"),
        lambda version, text: (version, text[:20], b"row"),
        lambda version, text: (version, b"", b"row"),
    ],
    ids=["changed", "moved", "other key", "unknown key", "cut", "empty"],
)
def test_what_was_tampered_with_does_not_decrypt(
    spoil: Callable[[int, bytes], tuple[int, bytes, bytes]],
) -> None:
    version, ciphertext, place = spoil(*encrypt(TEXT, bound_to=b"row"))

    with pytest.raises(Undecipherable):
        decrypt(version, ciphertext, bound_to=place)


@dataclass(frozen=True)
class Kept:
    """Where a secret is kept: about what, and which one."""

    about: UUID
    slot: str


def keep(text: str = TEXT, *, reader: Reader = OWNER, slot: str = "own") -> Kept:
    secret = store_secret(text, reader=reader, about=THING, slot=slot, form="words")
    return Kept(secret.about, secret.slot)


def take(kept: Kept, reader: Reader = OWNER) -> str:
    with transaction.atomic():
        return take_secret(kept.about, kept.slot, reader=reader)[1]


@pytest.mark.django_db
def test_secret_is_read_once() -> None:
    kept = keep()
    assert TEXT.encode() not in bytes(Secret.objects.get().ciphertext)

    assert take(kept) == TEXT

    assert not Secret.objects.exists()
    with pytest.raises(SecretGone):
        take(kept)


@pytest.mark.django_db
def test_another_person_does_not_read_it() -> None:
    kept = keep()

    with pytest.raises(SecretGone):
        take(kept, STRANGER)

    assert Secret.objects.exists()
    assert not waiting_secrets(THING, reader=STRANGER).exists()
    assert waiting_secrets(THING, reader=OWNER).exists()


@pytest.mark.django_db
def test_secret_of_another_row_is_not_read() -> None:
    mine, other = keep("mine", reader=STRANGER), keep("other", slot="other")
    stolen = Secret.objects.get(slot=other.slot).ciphertext
    Secret.objects.filter(slot=mine.slot).update(ciphertext=stolen)

    with pytest.raises(Undecipherable):
        take(mine, STRANGER)


@pytest.mark.django_db
def test_newer_secret_takes_the_place_of_one_that_works_no_longer() -> None:
    keep("old")
    kept = keep("new", reader=STRANGER)

    assert take(kept, STRANGER) == "new"
    with pytest.raises(SecretGone):
        take(kept)


@pytest.mark.django_db
def test_secrets_are_forgotten_with_what_they_are_about() -> None:
    keep()
    keep(slot="other")

    forget_secrets(THING)

    assert not Secret.objects.exists()


@pytest.mark.django_db
def test_secret_is_gone_after_a_day() -> None:
    late, fresh = keep("late"), keep("fresh", slot="fresh")
    assert Secret.objects.get(slot="own").expires_at - now() > timedelta(hours=23, minutes=59)
    Secret.objects.filter(slot=late.slot).update(expires_at=now())

    with pytest.raises(SecretGone):
        take(late)
    assert [found.slot for found in waiting_secrets(THING, reader=OWNER)] == [fresh.slot]
    delete_expired_secrets()

    assert [found.slot for found in Secret.objects.all()] == [fresh.slot]
