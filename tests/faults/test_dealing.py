"""Each fault is what it says, seen by an ordinary client before a toy service."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
import requests

from tests.faults.dealing import Dealer, Fault, FaultProxy
from tests.faults.passing import Answer, PassOn, Proxy, Request, serving

BODY = b'{"things": [1, 2, 3], "next": "http://toy.example/things?page=2"}'
NAMED = "http://toy.example"
STALL_SECONDS = 1.5


class Toy(Proxy):
    """A service that counts what it carried out."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1")
        self.carried_out: list[str] = []

    def treat(self, request: Request, pass_on: PassOn) -> Answer:
        self.carried_out.append(f"{request.method} {request.path} {(request.body or b'').decode()}")
        return Answer(200, {"Content-Type": "application/json", "X-Toy": "yes"}, BODY)


class OneFault(Dealer):
    def __init__(self, fault: Fault | None) -> None:
        super().__init__(1, share=1, stall_seconds=STALL_SECONDS)
        self._fault = fault

    def deal(self) -> Fault | None:
        return self._fault


@pytest.fixture
def toy() -> Iterator[Toy]:
    with serving(Toy()) as toy:
        yield toy


def ask(toy: Toy, fault: Fault | None, *, timeout: float = 5) -> requests.Response:
    with serving(FaultProxy(toy.origin, OneFault(fault), {NAMED: "http://ours"})) as proxy:
        return requests.post(f"{proxy.origin}/things?a=b", data="please", timeout=timeout)


def test_without_a_fault_all_passes_and_links_lead_through_the_proxy(toy):
    answer = ask(toy, None)

    assert (answer.status_code, answer.headers["X-Toy"]) == (200, "yes")
    assert answer.json() == {"things": [1, 2, 3], "next": "http://ours/things?page=2"}
    assert toy.carried_out == ["POST /things?a=b please"]


@pytest.mark.parametrize(
    ("fault", "status", "is_carried_out"),
    [
        (Fault.UNAVAILABLE, 503, False),
        (Fault.TOO_MANY, 429, False),
        (Fault.EXPIRED, 401, False),
        (Fault.FAILED_BEFORE, 500, False),
        (Fault.FAILED_AFTER, 500, True),
    ],
)
def test_refusals_have_their_status(toy, fault, status, is_carried_out):
    answer = ask(toy, fault)

    assert answer.status_code == status
    assert bool(toy.carried_out) == is_carried_out
    assert ("Retry-After" in answer.headers) == (status in {429, 503})


@pytest.mark.parametrize(
    ("fault", "error", "is_carried_out"),
    [
        (Fault.DROPPED, requests.ConnectionError, False),
        (Fault.UNANSWERED, requests.ConnectionError, True),
        (Fault.TRUNCATED, requests.exceptions.ChunkedEncodingError, True),
    ],
)
def test_broken_connections_give_no_answer(toy, fault, error, is_carried_out):
    with pytest.raises(error):
        ask(toy, fault)

    assert bool(toy.carried_out) == is_carried_out


def test_half_an_answer_can_look_whole(toy):
    answer = ask(toy, Fault.CUT_SHORT)

    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


@pytest.mark.parametrize(
    ("fault", "is_carried_out_first"), [(Fault.STALLED, False), (Fault.SLOW, True)]
)
def test_stall_outlasts_who_asks_and_is_carried_out_all_the_same(toy, fault, is_carried_out_first):
    dealer = OneFault(fault)
    with serving(FaultProxy(toy.origin, dealer, {})) as proxy:
        with pytest.raises(requests.ReadTimeout):
            requests.post(proxy.origin, timeout=STALL_SECONDS / 3)
        assert bool(toy.carried_out) == is_carried_out_first
        answer = requests.post(proxy.origin, timeout=5)

    assert answer.status_code == 200
    assert len(toy.carried_out) == 2


def test_the_seed_decides_who_gets_which_fault():
    def dealt(seed: int) -> list[Fault | None]:
        dealer = Dealer(seed, share=0.2, stall_seconds=1)
        return [dealer.deal() for _ in range(1000)]

    first = dealt(1)

    assert first == dealt(1) != dealt(2)
    counts = Counter(first)
    assert 150 < 1000 - counts[None] < 250
    assert counts.keys() == {None, *Fault}


def test_after_its_end_nothing_is_dealt():
    dealer = Dealer(1, share=1, stall_seconds=60)

    dealer.stop()

    assert dealer.deal() is None
    assert dealer.ended.is_set()
