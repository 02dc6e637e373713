"""How a version will look in the catalogue, in both languages."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import get_language_info, override
from django.utils.translation import gettext as _

from catalog.kinds import get_kind
from catalog.kinds.parameters import Parameter, Widget
from catalog.models import OfferingVersion
from catalog.services.offering_checks import choice_problems
from catalog.services.offers import starting_prices
from catalog.views.catalogue import Tile
from catalog.views.wording import place_in_words
from portal.core.formats import quantity
from portal.identity.access import reached_projects
from portal.identity.models import Person


@dataclass(frozen=True, kw_only=True)
class Preview:
    """A tile of the catalogue, and what its order form asks, in one language."""

    code: str
    language: str
    tile: Tile
    questions: list[tuple[str, str]]


def previews_of(version: OfferingVersion, person: Person) -> list[Preview]:
    """One for each language; prices are those of the first project that the person reaches."""
    is_complete = not choice_problems(version)
    project = reached_projects(person).filter(ended_at=None).order_by("name").first()
    price = None
    if is_complete and project:
        price = starting_prices([version], project)[version.pk]
    previews = []
    for code, _name in settings.LANGUAGES:
        with override(code):
            kind = get_kind(version.offering.kind)
            parameters = kind.parameters(version) if is_complete else []
            tile = Tile(
                version=version,
                icon=kind.icon,
                place=place_in_words(version.cloud),
                price=price,
                refusals=[],
            )
            questions = [(str(item.label), _answers(item)) for item in parameters]
        language = get_language_info(code)["name_local"].capitalize()
        previews.append(Preview(code=code, language=language, tile=tile, questions=questions))
    return previews


def _answers(parameter: Parameter) -> str:
    """What can be answered, in one line."""
    if parameter.widget is Widget.NUMBER:
        return _("{minimum} to {maximum}, usually {default}").format(
            minimum=quantity(parameter.minimum),
            maximum=quantity(parameter.maximum, parameter.unit),
            default=quantity(int(parameter.default or parameter.minimum), parameter.unit),
        )
    if parameter.asks_for_own:
        return _("What runs in the project itself")
    if parameter.options:
        return ", ".join(str(option.label) for option in parameter.options)
    return _("Free text")
