"""Which servers may stand behind a load balancer."""

import pytest

from catalog.kinds.load_balancer import read_member
from portal.core.errors import InvalidInput
from tests.catalog.kinds.test_every_kind import EXAMPLES, version_of
from tests.factories import place

pytestmark = pytest.mark.django_db


@pytest.fixture
def ask(requester, project):
    version = version_of("load_balancer")

    def order(**changes):
        spec = {**EXAMPLES["load_balancer"].spec, **changes}
        return place(requester, project, version, name="ingang", spec=spec).lines.get()

    return order


def test_members_are_kept_once_each(ask):
    typed = " 10.20.4.12:8080\n\n10.20.4.12:8080\r\n10.20.4.13:443"

    assert ask(members=typed).spec["members"] == "10.20.4.12:8080\n10.20.4.13:443"


def test_member_is_an_address_and_a_port():
    assert read_member("10.20.4.12:8080") == ("10.20.4.12", 8080)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("members", ""),
        ("members", "10.20.4.12"),
        ("members", "10.20.4.12:"),
        ("members", "10.20.4.12:0"),
        ("members", "10.20.4.12:65536"),
        ("members", "10.20.4.12:٨٠"),
        ("members", "web-1:80"),
        ("members", "10.20.4.300:80"),
        ("members", "2001:db8::1:80"),
        ("members", "<b>10.20.4.12</b>:80"),
        ("members", "\n".join(f"10.20.4.{host}:80" for host in range(1, 22))),
        ("members", 7),
        ("protocol", "UDP"),
        ("port", 0),
        ("port", 65536),
        ("network", "elders"),
    ],
)
def test_anything_else_is_refused_at_its_field(ask, field, value):
    with pytest.raises(InvalidInput) as refusal:
        ask(**{field: value})
    assert list(refusal.value.errors) == [field]
