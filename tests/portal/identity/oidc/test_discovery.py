"""Metadata and keys: kept as long as the provider says, looked up again when a key is new."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from pytest_django import Settings

from portal.identity.oidc.discovery import Directory, keep_seconds
from portal.identity.oidc.errors import AnswerNotTrusted, ProviderUnavailable
from portal.identity.oidc.transport import Answer
from tests.portal.identity.oidc.fake_provider import FakeProvider, answer, public_jwk, unavailable

CONFIGURATION = "/.well-known/openid-configuration"
HEADER = {"alg": "RS256", "kid": "rs-1"}


@dataclass
class Scene:
    """A directory with a clock that moves when it is told to."""

    provider: FakeProvider
    directory: Directory
    seconds: list[float] = field(default_factory=lambda: [1000.0])

    def count(self, path: str) -> int:
        return sum(asked == path for _, asked, _ in self.provider.asked)

    def wait(self, seconds: float) -> None:
        self.seconds[0] += seconds


@pytest.fixture
def scene(provider: FakeProvider, settings: Settings) -> Scene:
    seconds = [1000.0]
    directory = Directory(
        settings.OIDC_PROVIDERS["local"], fetch=provider.fetch, clock=lambda: seconds[0]
    )
    return Scene(provider, directory, seconds)


def test_metadata_and_keys_are_fetched_once(scene: Scene) -> None:
    for _ in range(3):
        scene.directory.metadata()
        scene.directory.signing_key(HEADER)

    assert (scene.count(CONFIGURATION), scene.count("/jwks")) == (1, 1)


@pytest.mark.parametrize("wrong", [unavailable(), answer({}, status=404), answer({"issuer": "x"})])
def test_provider_that_does_not_answer_well_is_left_alone_for_a_while(
    scene: Scene, wrong: Any
) -> None:
    scene.provider.answers[CONFIGURATION] = wrong
    for _ in range(3):
        with pytest.raises(ProviderUnavailable):
            scene.directory.metadata()
    assert scene.count(CONFIGURATION) == 1

    del scene.provider.answers[CONFIGURATION]
    scene.wait(5)
    assert scene.directory.metadata().token_endpoint


def test_both_are_fetched_again_after_the_time_that_the_provider_gave(scene: Scene) -> None:
    for path in (CONFIGURATION, "/jwks"):
        original = scene.provider._routes()[path]()
        headers = {"Cache-Control": "public, max-age=120"}
        scene.provider.answers[path] = Answer(status=200, headers=headers, body=original.body)
    scene.directory.signing_key(HEADER)
    scene.wait(119)
    scene.directory.signing_key(HEADER)
    assert (scene.count(CONFIGURATION), scene.count("/jwks")) == (1, 1)

    scene.wait(1)
    scene.directory.signing_key(HEADER)

    assert (scene.count(CONFIGURATION), scene.count("/jwks")) == (2, 2)


def test_a_new_key_is_found_at_once(scene: Scene) -> None:
    scene.directory.signing_key(HEADER)
    scene.provider.published = [public_jwk("rs-2")]
    scene.wait(31)

    assert scene.directory.signing_key({"alg": "RS256", "kid": "rs-2"})


def test_forged_key_ids_do_not_flood_the_provider(scene: Scene) -> None:
    for number in range(20):
        with pytest.raises(AnswerNotTrusted):
            scene.directory.signing_key({"alg": "RS256", "kid": f"forged-{number}"})

    assert scene.count("/jwks") == 1


@pytest.mark.parametrize(
    "key",
    [{"kty": "RSA", "kid": "rs-1"}, {"kty": "made-up", "kid": "rs-1"}, {"kid": "rs-1", "n": 1}],
    ids=str,
)
def test_key_that_cannot_be_used(scene: Scene, key: dict[str, Any]) -> None:
    scene.provider.published = [key]

    with pytest.raises(AnswerNotTrusted):
        scene.directory.signing_key(HEADER)


def test_key_without_an_id_serves_when_it_is_the_only_one(scene: Scene) -> None:
    key = public_jwk("rs-1")
    del key["kid"]
    scene.provider.published = [key, public_jwk("es-1", alg="ES256")]

    assert scene.directory.signing_key({"alg": "RS256"})


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 3600),
        ("max-age=300", 300),
        ("public, MAX-AGE=300", 300),
        ("max-age=0", 60),
        ("no-store", 60),
        ("no-cache, max-age=9000", 60),
        ("max-age=99999999", 24 * 3600),
        ("max-age=oops", 3600),
    ],
)
def test_time_to_keep_stays_within_bounds(header: str, seconds: int) -> None:
    assert keep_seconds(header) == seconds
