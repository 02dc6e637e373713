"""How much hangs on few, and what stops when one of them stops."""

from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.placement.concentration import (
    Graph,
    Share,
    hhi,
    shares,
    soil_share,
    touched_shares,
    what_stops,
)

EEA = frozenset({"NL", "DE", "NO"})
NAMES = st.sampled_from(["A", "B", "C", "D", "E", "F", "G"])
AMOUNTS = st.dictionaries(NAMES, st.decimals("0.000001", "999999999", places=6), min_size=1)


@dataclass(frozen=True)
class Thing:
    key: str
    supplier: str
    is_critical: bool = True
    needs: tuple[str, ...] = ()


def decimals(**amounts):
    return {name: Decimal(amount) for name, amount in amounts.items()}


class TestShares:
    def test_thirds_add_to_a_hundred(self):
        assert shares(decimals(C=10, A=10, B=10)) == [
            Share("A", Decimal(10), Decimal("33.4")),
            Share("B", Decimal(10), Decimal("33.3")),
            Share("C", Decimal(10), Decimal("33.3")),
        ]

    def test_the_largest_is_first(self):
        assert [share.name for share in shares(decimals(A=1, B=3, C=2))] == ["B", "C", "A"]

    def test_a_month_with_more_credit_than_use_has_no_share(self):
        assert shares(decimals(A=30, B=-10, C=0)) == [
            Share("A", Decimal(30), Decimal(100)),
            Share("C", Decimal(0), Decimal(0)),
            Share("B", Decimal(-10), Decimal(0)),
        ]

    def test_nothing_to_divide(self):
        assert shares({}) == []
        assert [share.percent for share in shares(decimals(A=0, B=-1))] == [0, 0]

    @settings(deadline=None)
    @given(AMOUNTS)
    def test_together_they_are_a_hundred_and_each_is_within_a_tenth(self, amounts):
        found = shares(amounts)
        total = sum(amounts.values())

        assert sum(share.percent for share in found) == 100
        for share in found:
            assert abs(share.percent - 100 * share.amount / total) < Decimal("0.1")


class TestTouched:
    def test_what_several_groups_touch_counts_for_each(self):
        groups = {"Chips": {"north", "south"}, "Power": {"north"}, "Fibre": {"elsewhere"}}

        assert touched_shares(decimals(north=1, south=2), groups) == [
            Share("Chips", Decimal(3), Decimal("100.0")),
            Share("Power", Decimal(1), Decimal("33.3")),
            Share("Fibre", Decimal(0), Decimal("0.0")),
        ]

    def test_of_nothing_nothing_is_touched(self):
        assert touched_shares({}, {"Chips": {"north"}}) == [Share("Chips", Decimal(0), Decimal(0))]


class TestConcentration:
    @pytest.mark.parametrize(
        ("amounts", "index"),
        [
            (decimals(A=7), 10_000),
            (decimals(A=5, B=5), 5_000),
            (decimals(A=60, B=30, C=10), 4_600),
            (decimals(A=60, B=30, C=10, D=-50, E=0), 4_600),
        ],
    )
    def test_by_hand(self, amounts, index):
        assert hhi(amounts) == index

    def test_nothing_is_not_concentrated_on_anybody(self):
        assert hhi({}) is None
        assert hhi(decimals(A=0, B=-3)) is None

    @settings(deadline=None)
    @given(AMOUNTS)
    def test_between_all_alike_and_one_with_all(self, amounts):
        assert Decimal(10_000) / len(amounts) <= hhi(amounts) <= 10_000

    @settings(deadline=None)
    @given(NAMES.flatmap(lambda name: AMOUNTS.map(lambda amounts: (name, amounts))))
    def test_two_that_become_one_concentrate_more(self, drawn):
        merged, amounts = drawn
        together = {**amounts}
        together["whole"] = together.pop(merged, Decimal(0)) + sum(amounts.values())

        assert hhi(together) >= hhi({**amounts, "whole": sum(amounts.values())})


class TestSoil:
    def test_a_place_counts_where_all_its_locations_do(self):
        locations = {
            "home": ["NL"],
            "europe": ["NL", "DE"],
            "north": ["NO"],
            "partly": ["NL", "US"],
            "caribbean": ["BQ"],
            "dark": [],
        }
        amounts = decimals(home=1, europe=2, north=3, partly=4, caribbean=5, dark=6, nowhere=4)

        soil = soil_share(amounts, locations, europe=EEA)

        assert (soil.dutch, soil.european, soil.unknown) == (4, 24, 40)

    def test_it_is_not_rounded_towards_the_aim(self):
        soil = soil_share(
            decimals(home=2996, away=7004), {"home": ["NL"], "away": ["US"]}, europe=EEA
        )

        assert soil.dutch == Decimal("29.96")

    def test_nothing_to_divide(self):
        assert soil_share({}, {}, europe=EEA).european is None


class TestWhatStops:
    def test_what_needs_it_stops_however_far_off(self):
        things = (
            Thing("portal", "Ours", needs=("cloud",)),
            Thing("cloud", "Ours", needs=("servers",)),
            Thing("servers", "Maker", needs=("chips",)),
            Thing("chips", "Chipmaker"),
            Thing("power", "Grid"),
        )
        graph = Graph({"north": things}, {"north": frozenset({"Permits", "Files"})})

        outage = what_stops(graph, "Chipmaker")

        assert outage.stops.dependencies == {
            ("north", key) for key in ("portal", "cloud", "servers", "chips")
        }
        assert outage.stops.places == {"north"}
        assert outage.stops.workloads == {"Permits", "Files"}
        assert outage.weakens.dependencies == outage.weakens.workloads == frozenset()

    def test_what_is_not_critical_only_weakens(self):
        things = (
            Thing("cloud", "Ours", needs=("metrics",)),
            Thing("metrics", "Watcher", is_critical=False),
        )

        outage = what_stops(Graph({"north": things}, {"north": frozenset({"Permits"})}), "Watcher")

        assert outage.stops.dependencies == {("north", "metrics")}
        assert outage.stops.places == outage.stops.workloads == frozenset()
        assert outage.weakens.dependencies == {("north", "cloud")}
        assert outage.weakens.places == {"north"}
        assert outage.weakens.workloads == {"Permits"}

    def test_a_ring_of_things_that_need_each_other_ends(self):
        things = (
            Thing("names", "One", needs=("time",)),
            Thing("time", "Two", needs=("names",)),
            Thing("lone", "Three", needs=("lone", "nowhere")),
        )
        graph = Graph({"north": things}, {})

        assert what_stops(graph, "One").stops.dependencies == {
            ("north", "names"),
            ("north", "time"),
        }
        assert what_stops(graph, "Three").stops.dependencies == {("north", "lone")}

    def test_the_operator_takes_its_place_along_and_no_other(self):
        graph = Graph(
            {"north": (Thing("chips", "Chipmaker"),), "south": (Thing("chips", "Other"),)},
            {"north": frozenset({"Permits"}), "south": frozenset({"Permits", "Files"})},
            operators={"north": "Data centre", "south": "Another"},
        )

        outage = what_stops(graph, "Data centre")

        assert outage.stops.places == {"north"}
        assert outage.stops.workloads == {"Permits"}
        assert outage.stops.dependencies == frozenset()

    def test_a_workload_that_stops_in_one_place_is_not_weakened_in_another(self):
        graph = Graph(
            {
                "north": (Thing("chips", "Chipmaker"),),
                "south": (Thing("metrics", "Chipmaker", is_critical=False),),
            },
            {"north": frozenset({"Permits"}), "south": frozenset({"Permits", "Files"})},
        )

        outage = what_stops(graph, "Chipmaker")

        assert (outage.stops.workloads, outage.weakens.workloads) == ({"Permits"}, {"Files"})

    def test_keys_are_those_of_one_place(self):
        graph = Graph(
            {
                "north": (Thing("chips", "Chipmaker"),),
                "south": (Thing("cloud", "Ours", needs=("chips",)),),
            },
            {},
        )

        assert what_stops(graph, "Chipmaker").stops.places == {"north"}

    def test_a_stranger_stops_nothing(self):
        graph = Graph({"north": (Thing("chips", "Chipmaker"),)}, {"north": frozenset({"Permits"})})

        outage = what_stops(graph, "Nobody")

        assert outage.stops.places == outage.weakens.places == frozenset()

    @settings(deadline=None)
    @given(st.data())
    def test_nothing_both_stops_and_weakens_and_being_critical_never_stops_less(self, data):
        keys = ["a", "b", "c", "d"]
        things = [
            Thing(
                key,
                data.draw(st.sampled_from(["One", "Two"])),
                data.draw(st.booleans()),
                tuple(data.draw(st.lists(st.sampled_from(keys), unique=True))),
            )
            for key in keys
        ]
        stricter = [Thing(each.key, each.supplier, True, each.needs) for each in things]
        used_by = {"north": frozenset({"Permits"})}

        outage = what_stops(Graph({"north": tuple(things)}, used_by), "One")
        worse = what_stops(Graph({"north": tuple(stricter)}, used_by), "One")

        assert not outage.stops.dependencies & outage.weakens.dependencies
        assert not outage.stops.places & outage.weakens.places
        assert not outage.stops.workloads & outage.weakens.workloads
        assert outage.stops.dependencies <= worse.stops.dependencies
        assert outage.stops.places <= worse.stops.places
