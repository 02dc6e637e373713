"""Which data may stand where: what is known, what the rules say of it, and what was decided."""

from catalog.services.placement.judging import (
    Opinion,
    check_goes_on,
    check_placement,
    decide_placement,
    note_found,
    opinion_on,
    opinion_on_place,
    opinions_on,
    worst,
)
from catalog.services.placement.profiles import (
    Answers,
    answer_questions,
    current_profile,
    write_profile,
)
from catalog.services.placement.reading import Judged, Place
from catalog.services.placement.supplies import write_supply
from catalog.services.placement.trying import Found, Tried, try_answers, try_examples

__all__ = [
    "Answers",
    "Found",
    "Judged",
    "Opinion",
    "Place",
    "Tried",
    "answer_questions",
    "check_goes_on",
    "check_placement",
    "current_profile",
    "decide_placement",
    "note_found",
    "opinion_on",
    "opinion_on_place",
    "opinions_on",
    "try_answers",
    "try_examples",
    "worst",
    "write_profile",
    "write_supply",
]
