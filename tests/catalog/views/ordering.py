"""The address of the order form, and what a person reads in an answer."""

import re
from html import unescape

from catalog.models import Order, Quota, QuotaClaim

FORM = "/catalogue/virtual-server/order"
PREVIEW = f"{FORM}/preview"
HTMX = {"HX-Request": "true"}


def text_of(response):
    """What a person reads, in one line."""
    body = response.content.decode().split("<main", 1)[-1]
    text = unescape(re.sub(r"<[^>]+>", " ", body)).replace("\N{NO-BREAK SPACE}", " ")
    return " ".join(text.split())


def title_of(response):
    return unescape(re.search("<title>(.*?)</title>", response.content.decode(), re.S)[1])


def assert_nothing_stored():
    assert not Order.objects.exists()
    assert not QuotaClaim.objects.exists()
    assert not Quota.objects.filter(claimed__gt=0).exists()
