"""Every criterion and answer can be read, in two languages, and told from the others."""

import pytest
from django.utils.translation import override

from catalog.placement.csf import CRITERIA, Framework
from catalog.placement.csf_words import (
    CRITERION_WORDS,
    SEAL_MEANINGS,
    seal_name,
)
from tests.catalog.placement.answers import CODES


def test_there_are_words_for_what_there_is_and_nothing_else():
    assert list(CRITERION_WORDS) == list(CODES)
    assert list(SEAL_MEANINGS) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("language", ["en", "nl"])
@pytest.mark.parametrize("code", CODES)
def test_each_answer_of_a_criterion_has_words_of_its_own(code, language):
    with override(language):
        answers = [str(answer) for answer in CRITERION_WORDS[code].answers]

    assert len(set(answers)) == len(CRITERIA[code].ladder) == len(answers)


@pytest.mark.parametrize("language", ["en", "nl"])
def test_titles_differ(language):
    with override(language):
        titles = {str(words.title) for words in CRITERION_WORDS.values()}

    assert len(titles) == len(CODES)


@override("en")
def test_the_guidance_calls_the_third_seal_otherwise():
    assert seal_name(3, Framework.V1_2_1) == "Digital resilience"
    assert seal_name(3, Framework.GUIDANCE_2026_06) == "Technological sovereignty"
    assert seal_name(4, Framework.V1_2_1) == seal_name(4, Framework.GUIDANCE_2026_06)


@override("nl")
def test_dutch_names_of_the_seals():
    assert [str(seal_name(seal, Framework.V1_2_1)) for seal in range(5)] == [
        "Geen soevereiniteit",
        "Jurisdictionele soevereiniteit",
        "Data-soevereiniteit",
        "Digitale veerkracht",
        "Volledige digitale soevereiniteit",
    ]
