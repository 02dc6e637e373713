"""Devices and networks in words that people recognise."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils import translation
from pytest_django import Settings

from portal.core.configuration import network_names
from portal.core.origin import network_name
from portal.identity.devices import LONGEST, device_in_words

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64"
APPLE = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (f"{WINDOWS}; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Windows"),
        (f"{WINDOWS}) {APPLE} Chrome/140.0.0.0 Safari/537.36", "Chrome on Windows"),
        (f"{WINDOWS}) {APPLE} Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0", "Edge on Windows"),
        (f"{WINDOWS}) {APPLE} Chrome/140.0.0.0 Safari/537.36 OPR/120.0", "Opera on Windows"),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15"
            " (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
            "Safari on macOS",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15"
            " (KHTML, like Gecko) CriOS/140.0 Mobile/15E148 Safari/604.1",
            "Chrome on iPhone",
        ),
        (
            "Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15"
            " (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
            "Safari on iPad",
        ),
        (
            f"Mozilla/5.0 (Linux; Android 15) {APPLE} SamsungBrowser/28.0"
            " Chrome/130.0.0.0 Mobile Safari/537.36",
            "Samsung Internet on Android",
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Firefox on Linux",
        ),
        (
            f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {APPLE} Chrome/140.0 Safari/537.36",
            "Chrome on ChromeOS",
        ),
        ("curl/8.14.1", "curl/8.14.1"),
        ("", "Unknown device"),
    ],
)
def test_device_in_words(agent: str, words: str) -> None:
    with translation.override("en"):
        assert device_in_words(agent) == words


def test_device_in_dutch() -> None:
    with translation.override("nl"):
        assert device_in_words("Firefox/140.0 (Windows)") == "Firefox op Windows"


def test_an_agent_that_nobody_knows_is_shortened() -> None:
    words = device_in_words("x" * 200)

    assert (len(words), words[-1]) == (LONGEST, "…")


class TestNetworkNames:
    def test_the_narrowest_network_gives_its_name(
        self, monkeypatch: pytest.MonkeyPatch, settings: Settings
    ) -> None:
        monkeypatch.setenv(
            "X", "10.0.0.0/8=Rijksnetwerk, 10.1.0.0/16 = Haagse kantoren,2001:db8::/32=VPN"
        )
        settings.NETWORK_NAMES = network_names("X")

        assert network_name("10.1.2.3") == "Haagse kantoren"
        assert network_name("10.2.0.1") == "Rijksnetwerk"
        assert network_name("2001:db8::5") == "VPN"
        assert network_name("192.0.2.1") == ""
        assert network_name("") == ""

    def test_nothing_is_known_by_default(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("X", raising=False)

        assert network_names("X") == {}

    @pytest.mark.parametrize(
        "value",
        [
            "10.0.0.0/8",
            "10.0.0.0/8=",
            "=Kantoor",
            "kantoor=10.0.0.0/8",
            "10.0.0.1/8=Kantoor",
            "10.0.0.0/8=Een, 10.0.0.0/8=Twee",
        ],
    )
    def test_a_mistake_stops_the_start(self, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
        monkeypatch.setenv("X", value)

        with pytest.raises(ImproperlyConfigured, match="X"):
            network_names("X")
