"""A secret is for one reader, once, within a day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.utils.timezone import now
from pytest_django.fixtures import Settings

from portal.cloud.crypto import Undecipherable, decrypt, encrypt
from portal.cloud.models import Secret
from portal.cloud.secrets import SecretGone, read_secret_once, store_secret
from portal.cloud.tasks import delete_expired_secrets

OLD, NEW = b"o" * 32, b"n" * 32
TEXT = "s3cret ✓"


@dataclass
class Reader:
    pk: int


OWNER, STRANGER = Reader(1), Reader(2)


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


@pytest.mark.django_db(transaction=True)
def test_secret_is_read_once() -> None:
    secret = store_secret(TEXT, reader=OWNER)
    assert TEXT.encode() not in bytes(Secret.objects.get().ciphertext)

    assert read_secret_once(secret.public_id, reader=OWNER) == TEXT

    assert not Secret.objects.exists()
    with pytest.raises(SecretGone):
        read_secret_once(secret.public_id, reader=OWNER)


@pytest.mark.django_db(transaction=True)
def test_another_person_does_not_read_it() -> None:
    secret = store_secret(TEXT, reader=OWNER)

    with pytest.raises(SecretGone):
        read_secret_once(secret.public_id, reader=STRANGER)

    assert Secret.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_secret_of_another_row_is_not_read() -> None:
    mine, other = store_secret("mine", reader=STRANGER), store_secret("other", reader=OWNER)
    Secret.objects.filter(pk=mine.pk).update(ciphertext=other.ciphertext)

    with pytest.raises(Undecipherable):
        read_secret_once(mine.public_id, reader=STRANGER)


@pytest.mark.django_db(transaction=True)
def test_secret_is_gone_after_a_day() -> None:
    late, fresh = store_secret("late", reader=OWNER), store_secret("fresh", reader=OWNER)
    assert late.expires_at - now() > timedelta(hours=23, minutes=59)
    Secret.objects.filter(pk=late.pk).update(expires_at=now())

    with pytest.raises(SecretGone):
        read_secret_once(late.public_id, reader=OWNER)
    delete_expired_secrets()

    assert list(Secret.objects.all()) == [fresh]
