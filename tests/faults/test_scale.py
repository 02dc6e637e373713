"""What the command asks for is what the run does."""

from pathlib import Path

from tests.faults.scale import PREFIX, Scale, orders_for


def test_without_a_word_it_is_short():
    assert Scale.from_environment({"PATH": "/bin"}) == Scale()


def test_every_setting_can_be_asked_for():
    asked = Scale(24, 3, 7, 0.5, 60.0, Path("/home/of/it"), "rabbitmq", True)
    names = Scale.__dataclass_fields__
    environment = {f"{PREFIX}{name.upper()}": str(getattr(asked, name)) for name in names}

    assert Scale.from_environment(environment) == asked


def test_so_many_orders_lead_to_at_least_so_many_operations():
    assert [orders_for(60), orders_for(61), orders_for(200)] == [11, 12, 37]
