"""Where a request comes from: believed of a trusted proxy, and of nobody else."""

import ipaddress

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from portal.celery import app
from portal.core.origin import Channel, OriginMiddleware, client_address, current_origin

PROXIES = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1/128")]


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "address"),
    [
        ("192.0.2.7", "", "192.0.2.7"),
        ("192.0.2.7", "198.51.100.1", "192.0.2.7"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "<script>, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("::1", "2001:db8::7", "2001:db8::7"),
        ("::1", "fe80::1%" + "z" * 60, "::1"),
        ("fe80::1%eth0", "", ""),
        ("", "198.51.100.1", "198.51.100.1"),
        ("", "", ""),
    ],
)
def test_address_is_that_of_the_last_machine_we_do_not_trust(
    settings, peer, forwarded_for, address
):
    settings.TRUSTED_PROXIES = PROXIES

    assert client_address(peer, forwarded_for) == address


def ask(path, **headers):
    seen = []

    def view(request):
        seen.append(current_origin())
        return HttpResponse()

    response = OriginMiddleware(view)(RequestFactory().get(path, headers=headers))
    return seen[0], response


@pytest.mark.parametrize(
    ("path", "channel"), [("/orders", Channel.PAGE), ("/api/v1/orders", Channel.API)]
)
def test_request_has_an_origin_and_its_answer_names_it(path, channel):
    origin, response = ask(path, **{"User-Agent": "Firefox\u202e" + "x" * 300})

    assert (origin.channel, origin.address) == (channel, "127.0.0.1")
    assert origin.agent == "Firefox" + "x" * 193
    assert response["X-Request-ID"] == origin.request_id != ""
    assert current_origin().channel == Channel.COMMAND


def test_work_of_a_worker_comes_from_a_worker():
    @app.task(name="test.look")
    def look():
        return current_origin()

    try:
        origin = look.apply(task_id="0b6f7c1e-3f52-4a5e-9f1a-0f6d2f0f5a11").get()
        assert origin.channel == Channel.WORKER
        assert origin.request_id == "0b6f7c1e3f524a5e9f1a0f6d2f0f5a11"  # 32 fit in the trail
    finally:
        app.tasks.unregister("test.look")
