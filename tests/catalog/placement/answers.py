"""Answers to the EU Cloud Sovereignty Framework, chosen and drawn."""

from hypothesis import strategies as st

from catalog.placement.csf import CRITERIA, Answer

CODES = tuple(CRITERIA)
BEST = {code: Answer(len(criterion.ladder) - 1, True) for code, criterion in CRITERIA.items()}
WORST = {code: Answer(0, True) for code in CRITERIA}

# A government data centre with OpenStack on bought hardware, as is found in practice.
DATA_CENTRE = {
    **BEST,
    **{
        f"SOV-{number}": Answer(index, True)
        for number, index in {
            "1.2": 3,
            "1.6": 1,
            "2.5": 2,
            "4.1": 3,
            "5.1": 2,
            "5.2": 2,
            "5.3": 2,
            "5.4": 3,
            "5.5": 3,
            "5.6": 3,
            "5.7": 3,
            "6.3": 3,
            "7.1": 3,
            "7.5": 3,
            "8.1": 3,
            "8.4": 3,
        }.items()
    },
}


def claimed(answers):
    """The same answers, without evidence."""
    return {code: Answer(answer.index, False) for code, answer in answers.items()}


def without(answers, *codes):
    return {code: answer for code, answer in answers.items() if code not in codes}


def seal_of(code, answer):
    return CRITERIA[code].ladder[answer.index].seal


@st.composite
def answer_sets(draw, *, least=0):
    """Some answers, some of them proven."""
    codes = draw(st.sets(st.sampled_from(CODES), min_size=least))
    return {
        code: Answer(draw(st.integers(0, len(CRITERIA[code].ladder) - 1)), draw(st.booleans()))
        for code in sorted(codes)
    }


@st.composite
def full_answer_sets(draw):
    """An answer to everything, most of them the best, with proof of nearly everything."""
    indexes = draw(st.dictionaries(st.sampled_from(CODES), st.integers(0, 4), max_size=12))
    only_claimed = draw(st.sets(st.sampled_from(CODES), max_size=3))
    return {
        code: Answer(min(indexes.get(code, best.index), best.index), code not in only_claimed)
        for code, best in BEST.items()
    }
