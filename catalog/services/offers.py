"""What an offering costs and whether it fits, before anybody filled anything in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.text import Truncator
from django.utils.timezone import now
from django.utils.translation import gettext as _

from billing.meters import Meter
from billing.services.price_book import PriceBook
from billing.services.pricing import quote_each
from billing.services.quotes import Quote
from catalog.kinds import get_kind
from catalog.kinds.fees import paid_for
from catalog.kinds.parameters import Parameter, Text, Widget, clean_spec
from catalog.models import OfferingVersion
from catalog.offering_policies import is_offered_to, published_versions
from catalog.services.preview import QuotaEffect, demand_of, quota_effects
from catalog.services.sources import offered_in
from portal.core.errors import InvalidInput
from portal.identity.models import Project

Choice = tuple[str, str]  # names of a parameter and of one of its options


@dataclass(frozen=True, kw_only=True)
class OptionEffect:
    """What choosing one option means in a project.

    Attributes:
        monthly: what it adds to the price of a month; None when it has no price.
        shortage: what has too little left for it, even with the least of everything else; None
            when it fits.
    """

    monthly: Decimal | None
    shortage: QuotaEffect | None


def starting_prices(
    versions: Sequence[OfferingVersion], project: Project
) -> dict[int, Quote | None]:
    """The lowest price of each version in the project, by primary key.

    None: it cannot be ordered now, for lack of a price or of something to choose from.
    """
    parameters = {
        version.pk: get_kind(version.offering.kind).parameters(version) for version in versions
    }
    book = PriceBook(project, now())
    prices = _option_prices(parameters, book)
    meters = {
        version.pk: _meters(version, spec)
        for version in versions
        if (spec := _smallest_spec(parameters[version.pk], prices[version.pk])) is not None
    }
    quotes = quote_each(meters, book)
    return {version.pk: quotes.get(version.pk) for version in versions}


def least_price(
    version: OfferingVersion,
    parameters: Sequence[Parameter],
    project: Project,
    answers: Mapping[str, Any],
) -> Quote | None:
    """The lowest price in the project with these answers, whatever the others become.

    None: there is no price yet for something that it needs.
    """
    book = PriceBook(project, now())
    prices = _option_prices({version.pk: parameters}, book)[version.pk]
    least = _smallest_spec(parameters, prices)
    if least is None:
        return None
    try:
        meters = _meters(version, {**least, **answers})
    except InvalidInput:  # these answers do not go together with the least of the others
        return None
    quotes = quote_each({version.pk: meters}, book)
    return quotes.get(version.pk)


def _meters(version: OfferingVersion, spec: Mapping[str, Any]) -> list[Meter]:
    """Of the least that the spec could become."""
    kind = get_kind(version.offering.kind)
    return paid_for(version, kind.settle(version, spec, {}))


def option_effects(
    version: OfferingVersion, parameters: Sequence[Parameter], project: Project
) -> dict[Choice, OptionEffect]:
    """What each option that is shown on a card means in the project."""
    kind = get_kind(version.offering.kind)
    book = PriceBook(project, now())
    prices = _option_prices({version.pk: parameters}, book)[version.pk]
    least = _smallest_spec(parameters, prices)
    smallest = kind.settle(version, least, {}) if least is not None else {}
    specs = {
        (parameter.name, option.value): {**smallest, parameter.name: option.value}
        for parameter in parameters
        if parameter.widget is Widget.CARDS
        for option in parameter.options
    }
    quotes = quote_each(
        {choice: paid_for(version, spec) for choice, spec in specs.items() if smallest}, book
    )
    effects = {}
    for choice, spec in specs.items():
        shortage = None
        if choice in quotes:
            demand = demand_of(version, spec, quotes[choice])
            shortage = next((e for e in quota_effects(project, demand) if not e.fits), None)
        effects[choice] = OptionEffect(monthly=prices.get(choice), shortage=shortage)
    return effects


def option_prices(parameters: Sequence[Parameter], project: Project) -> dict[Choice, OptionEffect]:
    """What each option costs in the project, where what is there already counts too."""
    prices = _option_prices({0: parameters}, PriceBook(project, now()))[0]
    return {
        (parameter.name, option.value): OptionEffect(
            monthly=prices.get((parameter.name, option.value)), shortage=None
        )
        for parameter in parameters
        for option in parameter.options
    }


def no_longer_offered(
    version: OfferingVersion, spec: Mapping[str, Any], project: Project
) -> dict[str, str]:
    """What was chosen in a spec and cannot be chosen in the version now, in words by question."""
    kind = get_kind(version.offering.kind)
    chosen = {name: value for name, value in spec.items() if name not in kind.follows}
    return misfits(offered_in(kind.parameters(version), project, version.cloud), chosen)


def misfits(parameters: Sequence[Parameter], spec: Mapping[str, Any]) -> dict[str, str]:
    """What a spec answers that cannot be chosen, in words by question."""
    try:
        clean_spec(parameters, spec)
    except InvalidInput as error:
        labels = {parameter.name: parameter.label for parameter in parameters}
        chosen = {name: spec[name] for name in error.errors if spec.get(name) is not None}
        living = {item.name for item in parameters if item.own(spec.get(item.name))}
        return {
            name: _not_there(labels[name])
            if name in living
            else _("“{option}” ({question}) is no longer offered").format(
                option=Truncator(value).chars(60), question=labels.get(name, name)
            )
            for name, value in chosen.items()
        }
    return {}


def _not_there(question: Text) -> str:
    return _("What was chosen at “{question}” does not run any more").format(question=question)


def withdrawn_offers(versions: Sequence[OfferingVersion], project: Project) -> list[str]:
    """Those of which nothing can be ordered in the project any more, in words.

    Where there is a newer version somebody who asked for an older one keeps that. One query.
    """
    offered = set(
        published_versions()
        .filter(is_offered_to(project.lineage_ids))
        .values_list("offering", flat=True)
    )
    gone = {version.name for version in versions if version.offering_id not in offered}
    return [_("“{name}” is no longer in the catalogue").format(name=name) for name in sorted(gone)]


def _option_prices(
    parameters: Mapping[int, Sequence[Parameter]], book: PriceBook
) -> dict[int, dict[Choice, Decimal]]:
    """What each option adds to a month, by version; without those that have no price."""
    meters = {
        (version_id, parameter.name, option.value): option.meters
        for version_id, asked in parameters.items()
        for parameter in asked
        for option in parameter.options
    }
    prices: dict[int, dict[Choice, Decimal]] = {version_id: {} for version_id in parameters}
    for (version_id, *choice), price in quote_each(meters, book).items():
        prices[version_id][choice[0], choice[1]] = price.monthly
    return prices


def _smallest_spec(
    parameters: Sequence[Parameter], prices: Mapping[Choice, Decimal]
) -> dict[str, Any] | None:
    """The cheapest options and the lowest numbers; None when a question has no answer."""
    spec: dict[str, Any] = {}
    for parameter in parameters:
        name = parameter.name
        priced = [option.value for option in parameter.options if (name, option.value) in prices]
        if not parameter.required or parameter.asks_for_own:
            spec[name] = None
        elif parameter.widget is Widget.NUMBER:
            spec[name] = parameter.minimum
        elif parameter.widget not in {Widget.CARDS, Widget.SELECT}:
            spec[name] = parameter.default or ""
        elif priced:
            spec[name] = min(priced, key=lambda value: prices[name, value])
        else:
            return None
    return spec
