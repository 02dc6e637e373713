"""Whether a draft can be published: everything that it offers can be made, and has a price."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.utils.timezone import now
from django.utils.translation import gettext as _

from billing.services.price_book import unpriced_skus
from catalog.errors import OfferingNotReady
from catalog.kinds import get_kind
from catalog.kinds.choices import clean_choices
from catalog.kinds.fees import decided_by_offering, paid_for
from catalog.kinds.parameters import Parameter, Widget
from catalog.models import OfferingVersion, OfferingVersionState
from portal.core.errors import InvalidInput

_CHOSEN = frozenset({Widget.CARDS, Widget.SELECT})


def check_ready(version: OfferingVersion) -> None:
    """Raise OfferingNotReady when somebody could choose what cannot be made or has no price."""
    problems = problems_of(version)
    if problems:
        raise OfferingNotReady(problems)


def problems_of(version: OfferingVersion) -> list[str]:
    """Why the version cannot be published, in words; empty when it can."""
    problems = choice_problems(version)
    if problems:
        return problems
    parameters = get_kind(version.offering.kind).parameters(version)
    empty = [item for item in parameters if _is_chosen(item) and not item.options]
    if empty:
        return [
            _("“{question}” has nothing to choose from.").format(question=item.label)
            for item in empty
        ]
    hidden = hidden_parts(version)
    if hidden:
        return [
            _("“{part}” is not offered to everybody for whom this is.").format(part=name)
            for name in hidden
        ]
    missing = _unpriced(version, skus_of(version, parameters))
    if missing:
        return [_("Without a price: {skus}.").format(skus=", ".join(missing))]
    return []


def unpriced_in(version: OfferingVersion) -> list[str]:
    """The SKUs that it asks for and that have no price for all who may order it, by code."""
    return _unpriced(version, asked_skus(version))


def _unpriced(version: OfferingVersion, skus: Iterable[str]) -> list[str]:
    return unpriced_skus(skus, organizations=version.visible_to.all(), at=now())


def hidden_parts(version: OfferingVersion) -> list[str]:
    """Names of what it is made of that does not exist for some for whom the whole does."""
    lineages = [set(organization.lineage_ids) for organization in version.visible_to.all()]
    names = []
    for part in get_kind(version.offering.kind).made_of(version):
        chosen = set(part.visible_to.values_list("pk", flat=True))
        is_for_all = not chosen or (lineages and all(chosen & lineage for lineage in lineages))
        if not is_for_all:
            names.append(part.name)
    return list(dict.fromkeys(names))


def choice_problems(version: OfferingVersion) -> list[str]:
    """What was decided and the cloud does not have, or what was not decided; in words."""
    fields = decided_by_offering(get_kind(version.offering.kind), version.cloud)
    labels = {item.name: str(item.label) for item in fields}
    try:
        clean_choices(fields, version.choices)
    except InvalidInput as error:
        return [
            f"{labels.get(name, name)}: {' '.join(texts)}" for name, texts in error.errors.items()
        ]
    return []


def versions_to_price() -> list[OfferingVersion]:
    """What is published or drafted, in the order of the catalogue. Four queries.

    What stands beside each other in one cloud is looked up once, for all of it.
    """
    states = [OfferingVersionState.PUBLISHED, OfferingVersionState.DRAFT]
    found = OfferingVersion.objects.filter(state__in=states).select_related("offering", "cloud")
    versions = list(
        found.prefetch_related("cloud__flavors", "cloud__images", "cloud__volumetypes").order_by(
            "offering__position", "offering__code", "number"
        )
    )
    beside: defaultdict[int, dict[str, OfferingVersion]] = defaultdict(dict)
    for version in versions:
        if version.state == OfferingVersionState.PUBLISHED:
            beside[version.cloud_id][version.offering.code] = version
    for version in versions:
        version.neighbours = beside[version.cloud_id]
    return versions


def asked_skus(version: OfferingVersion) -> set[str]:
    """As ``skus_of``; nothing while a draft, or what is left to choose from, is not whole.

    That must change before it can be ordered, and may then ask for others.
    """
    is_draft = version.state == OfferingVersionState.DRAFT
    if is_draft and choice_problems(version):
        return set()
    parameters = get_kind(version.offering.kind).parameters(version)
    if any(_is_chosen(item) and not item.options for item in parameters):
        return set()
    return skus_of(version, parameters)


def skus_of(version: OfferingVersion, parameters: Sequence[Parameter]) -> set[str]:
    """Every SKU that an order could use: each option once, and the largest of what is counted."""
    kind = get_kind(version.offering.kind)
    specs = [kind.settle(version, spec, {}) for spec in _specs(parameters)]
    return {meter.sku for spec in specs for meter in paid_for(version, spec)} | {
        meter.sku for item in parameters for option in item.options for meter in option.meters
    }


def _specs(parameters: Sequence[Parameter]) -> Iterator[dict[str, Any]]:
    usual = {item.name: _usual(item) for item in parameters}
    yield usual
    for item in parameters:
        for option in item.options:
            yield {**usual, item.name: option.value}


def _usual(parameter: Parameter) -> Any:
    if parameter.widget is Widget.NUMBER:
        return parameter.maximum
    if parameter.asks_for_own:
        return None  # what runs in a project is not known here
    if _is_chosen(parameter):
        return parameter.options[0].value
    return parameter.default or ""


def _is_chosen(parameter: Parameter) -> bool:
    """Whether one of the options that the offering has must be chosen."""
    return parameter.widget in _CHOSEN and not parameter.asks_for_own
