"""What the overview of costs costs beside much use, and the preview of a price beside nothing.

    python -m benchmarks.cost_pages [--pairs N] [--previews N] [--overviews N] [--spans N]

Needs CLOUDLOKET_DATABASE_URL, whose user may make a database beside it, and the other variables
of the portal. Everything is asked through all of the portal but the web server, in turns.

1. The overview of a month of an organization with fifty projects: with 10,000 usage spans in it,
   and of another one with 1,000,000. Target: a p95 of at most 1.5 times the other (median). How
   long it takes to reckon all months for both of them, which a worker does meanwhile, is printed.
2. The preview while a server is being ordered, with everything filled in, beside a view that does
   nothing, to one person. Target: a p95 of at most 3 times.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlencode

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from benchmarks.empty_view import EMPTY
from benchmarks.many_spans import MONTH, set_prices, use
from benchmarks.scratch import a_database
from billing.forms import month_key
from billing.models import MonthSummary
from billing.services.summaries import keep_summaries
from portal.identity.models import NodeParent, Role
from tests.factories import (
    OfferingVersionFactory,
    PersonFactory,
    generous_limits,
    grant,
    make_organization,
    make_project,
    priced,
)
from tests.factories.billing import LONG_AGO
from tests.logins import log_in

TARGET: Final = 1.5
TARGET_PREVIEW: Final = 3
FEW: Final = 10_000
PROJECTS: Final = 50
FORM: Final = "application/x-www-form-urlencoded"  # as htmx sends it
COMPLETE: Final = {
    "name": "zaak-app-01",
    "purpose": "Piek in november",
    "flavor": "gp.small",
    "image": "Debian 12",
    "network": "intern",
    "volume_gib": "40",
    "end_date": "",
}

Ask = Callable[[], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--previews", type=int, default=40, help="in each half of a pair")
    parser.add_argument("--overviews", type=int, default=3, help="likewise; 2 at least")
    parser.add_argument("--spans", type=int, default=1_000_000)
    options = parser.parse_args()
    with a_database():
        settings.ALLOWED_HOSTS = ["testserver"]  # whom the client asks
        settings.ROOT_URLCONF = "benchmarks.empty_view"
        measure_preview(options.pairs, options.previews)
        measure_overview(options.spans, options.pairs, options.overviews)


def measure_preview(pairs: int, visits: int) -> None:
    OfferingVersionFactory()
    priced()
    project = make_project(make_organization(make_organization()))
    generous_limits(project)
    person = PersonFactory()
    grant(person, Role.REQUESTER, project)
    client = log_in(Client(), person)
    answers = urlencode({**COMPLETE, "project": project.public_id, "cards_for": project.public_id})
    address = reverse("catalog:order-preview", args=["virtual-server"])

    def preview() -> None:
        check(client.post(address, answers, FORM, headers={"HX-Request": "true"}))

    def nothing() -> None:
        check(client.get(EMPTY))

    compare({"nothing": nothing, "preview": preview}, pairs, visits)
    print(f"target: {TARGET_PREVIEW}", flush=True)


def measure_overview(spans: int, pairs: int, visits: int) -> None:
    set_prices()
    asks = {f"{count} spans": an_overview(count) for count in (FEW, spans)}
    begin = time.perf_counter()
    keep_summaries(at=now())  # as a worker does: the page shows all months of the year
    taken, months = time.perf_counter() - begin, MonthSummary.objects.count()
    print(f"{months} months of everybody reckoned in {taken:.1f} s", flush=True)
    compare(asks, pairs, visits)
    print(f"target: {TARGET}", flush=True)


def an_overview(spans: int) -> Ask:
    """Asks for the page of somebody who sees an organization with so many usage spans."""
    organization = make_organization()
    projects = [make_project(organization) for _ in range(PROJECTS)]
    NodeParent.objects.update(valid_from=LONG_AGO)
    use(projects, spans)
    person = PersonFactory()
    grant(person, Role.FINANCE, organization)
    client = log_in(Client(), person)
    address = f"{reverse('billing:costs')}?month={month_key(MONTH)}"
    return lambda: check(client.get(address))


def check(response: HttpResponse) -> None:
    if response.status_code != 200:
        raise SystemExit(f"it answers {response.status_code}")


def compare(asks: Mapping[str, Ask], pairs: int, visits: int) -> None:
    """Print the p95 of both, and what the second is of the first."""
    seconds: dict[str, list[float]] = {name: [] for name in asks}
    for ask in asks.values():
        ask()  # what is remembered from then on
    for pair in range(pairs):
        for name in list(asks)[:: -1 if pair % 2 else 1]:
            seconds[name].append(p95(asks[name], visits))
    (bare, fast), (name, slow) = seconds.items()
    ratios = [one / other for one, other in zip(slow, fast, strict=True)]
    print(
        f"{name}: p95 {statistics.median(slow) * 1000:.1f} ms beside"
        f" {statistics.median(fast) * 1000:.1f} ms with {bare}, ratio median"
        f" {statistics.median(ratios):.2f}, from {min(ratios):.2f} to {max(ratios):.2f}",
        flush=True,
    )


def p95(ask: Ask, visits: int) -> float:
    """Seconds in which all but one of twenty are answered."""
    taken = []
    for _ in range(visits):
        begin = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - begin)
    return statistics.quantiles(taken, n=20)[-1]


if __name__ == "__main__":
    main()
