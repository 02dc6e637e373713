"""Which rules count: all that speak get what they ask, and no person only where all agree."""

from dataclasses import replace
from decimal import Decimal
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from catalog.approval_rules import (
    ONE_APPROVER,
    ApprovalStep,
    LineFacts,
    OrderFacts,
    Rule,
    find_route,
    is_about,
    step_at,
)

NODE = UUID(int=7)
amounts = st.integers(0, 2000).map(Decimal)
levels = st.sampled_from([None, 1, 2, 3, 4])
kinds = st.frozensets(st.sampled_from(["server", "volume", "network"]))
offerings = st.sampled_from([UUID(int=21), UUID(int=22)])
lines = st.builds(
    LineFacts,
    kinds=st.frozensets(st.sampled_from(["server", "volume", "network"]), min_size=1),
    offerings=st.frozensets(offerings, min_size=1),
)
rules = st.builds(
    Rule,
    id=st.integers(0, 10**6).map(lambda number: UUID(int=number)),
    node=st.just(NODE),
    height=st.just(0),
    amount_from=amounts,
    kinds=kinds,
    offering=st.none() | offerings,
    protection_level=levels,
    personal_data=st.booleans(),
    automatic_below=st.none() | amounts,
    people_of_project=st.integers(0, 3),
    people_of_node=st.integers(0, 3),
)
# Of a project in three layers: a rule stands on the node of its height.
rules = st.builds(
    lambda rule, height: replace(rule, height=height, node=UUID(int=height)),
    rules,
    st.integers(0, 3),
)
several = st.lists(rules, max_size=6)
orders = st.builds(
    OrderFacts,
    amount=amounts,
    lines=st.lists(lines, min_size=1, max_size=2).map(tuple),
    protection_level=levels,
    has_personal_data=st.sampled_from([None, True, False]),
    is_delicate=st.booleans(),
    let_through=amounts,
)
SERVER = LineFacts(kinds=frozenset({"server"}), offerings=frozenset({UUID(int=21)}))
VOLUME = LineFacts(kinds=frozenset({"volume"}), offerings=frozenset({UUID(int=22)}))
ORDER = OrderFacts(
    amount=Decimal(100),
    lines=(SERVER,),
    protection_level=3,
    has_personal_data=False,
    is_delicate=False,
)


def rule(**changes):
    says = {
        "id": UUID(int=1),
        "node": NODE,
        "height": 1,
        "amount_from": Decimal(0),
        "kinds": frozenset(),
        "offering": None,
        "protection_level": None,
        "personal_data": False,
        "automatic_below": None,
        "people_of_project": 1,
        "people_of_node": 0,
    }
    return Rule(**{**says, **changes})


def test_without_a_rule_one_approver_will_do():
    assert find_route([], ORDER) == ONE_APPROVER
    assert find_route([rule(amount_from=Decimal(101), people_of_node=2)], ORDER) == ONE_APPROVER


def test_the_project_comes_first_and_then_the_node_of_the_rule():
    route = find_route([rule(people_of_project=2, people_of_node=1)], ORDER)

    assert route.steps == (ApprovalStep(node=None, people=2), ApprovalStep(node=NODE, people=1))
    assert [step_at(route.steps, given) for given in range(4)] == [0, 0, 1, None]


def test_a_rule_of_the_project_takes_nobody_from_the_organization():
    above = rule(people_of_project=0, people_of_node=1)
    below = rule(id=UUID(int=2), node=UUID(int=9), height=0, people_of_project=3)

    assert find_route([above, below], ORDER).steps == (
        ApprovalStep(node=None, people=2),
        ApprovalStep(node=NODE, people=1),
    )


def test_who_approves_for_the_ministry_counts_for_the_agency_too():
    ministry = rule(node=UUID(int=8), height=2, people_of_project=0, people_of_node=1)
    agency = rule(id=UUID(int=2), people_of_project=0, people_of_node=2)

    assert find_route([ministry, agency], ORDER).steps == (
        ApprovalStep(node=NODE, people=1),
        ApprovalStep(node=UUID(int=8), people=1),
    )


@given(several, orders)
def test_every_rule_that_speaks_gets_what_it_asks(found, order):
    route = find_route(found, order)
    heights = [step.node.int if step.node else 0 for step in route.steps]
    assert heights == sorted(heights)

    for item in found:
        if is_about(item, order):
            there = [step for step in route.steps if step.node and step.node.int >= item.height]
            assert sum(step.people for step in there) >= item.people_of_node
            assert route.people >= item.people


def test_the_limit_itself_is_not_below_it():
    assert find_route([rule(automatic_below=Decimal("100.01"))], ORDER).automatic
    assert not find_route([rule(automatic_below=Decimal(100))], ORDER).automatic


def test_a_rule_of_an_offering_is_about_orders_with_it():
    one = rule(offering=UUID(int=22), people_of_project=2)

    assert find_route([one], ORDER) == ONE_APPROVER
    assert find_route([one], replace(ORDER, lines=(SERVER, VOLUME))).people == 2


def test_what_no_rule_is_about_waits_beside_what_a_rule_lets_through():
    disk = rule(offering=UUID(int=22), automatic_below=Decimal(500))
    server = rule(id=UUID(int=2), kinds=frozenset({"server"}), automatic_below=Decimal(500))

    assert find_route([disk], replace(ORDER, lines=(VOLUME,))).automatic
    assert not find_route([disk], replace(ORDER, lines=(VOLUME, SERVER))).automatic
    assert find_route([disk, server], replace(ORDER, lines=(VOLUME, SERVER))).automatic


def test_a_part_is_spoken_for_by_a_rule_of_the_whole():
    whole = rule(offering=UUID(int=30), automatic_below=Decimal(500))
    parts = tuple(replace(line, offerings=line.offerings | {UUID(int=30)}) for line in ORDER.lines)

    assert find_route([whole], replace(ORDER, lines=parts)).automatic


@given(several, orders)
def test_the_most_demanding_that_speaks_counts(found, order):
    speaking = [item for item in found if is_about(item, order)]

    assert find_route(found, order).people == max([item.people for item in speaking] or [1]) or 1


@given(several, orders)
def test_nobody_looks_only_when_all_agree_and_nothing_is_delicate(found, order):
    speaking = [item for item in found if is_about(item, order)]
    route = find_route(found, order)

    if route.automatic:
        assert not order.is_delicate
        assert all(
            item.automatic_below is not None
            and order.amount + order.let_through < item.automatic_below
            for item in speaking
        )
    assert route.people >= 1


@given(several, rules, orders)
def test_another_rule_never_asks_less(found, another, order):
    before, after = find_route(found, order), find_route([*found, another], order)

    spoke = any(is_about(item, order) for item in found)
    if spoke:
        assert after.people >= before.people
    each_line = [replace(order, lines=(line,)) for line in order.lines]
    if all(any(is_about(item, alone) for item in found) for alone in each_line):
        assert not (after.automatic and not before.automatic)


@given(several, orders)
def test_the_order_of_rules_does_not_matter(found, order):
    assert find_route(found, order).people == find_route(found[::-1], order).people


@given(rules, orders)
def test_what_is_not_known_counts_as_the_most_sensitive(one, order):
    known = OrderFacts(
        amount=order.amount,
        lines=order.lines,
        protection_level=1 if order.protection_level is None else order.protection_level,
        has_personal_data=True if order.has_personal_data is None else order.has_personal_data,
        is_delicate=order.is_delicate,
    )

    assert is_about(one, order) == is_about(one, known)
