"""How a rule of a security group is written, and what is no rule."""

import pytest

from catalog.kinds import get_kind
from catalog.kinds.parameters import clean_spec
from catalog.kinds.security_group import read_rule
from portal.core.errors import InvalidInput


def cleaned(rules):
    parameters = get_kind("security_group").parameters(None)
    return clean_spec(parameters, {"rules": rules})["rules"]


def test_rules_are_kept_once_each_in_one_way_of_writing():
    typed = "  TCP 443   0.0.0.0/0\n\nudp 5000-5010 10.0.0.0/8\r\ntcp 443-443 0.0.0.0/0\nicmp ::/0"

    assert cleaned(typed) == "tcp 443 0.0.0.0/0\nudp 5000-5010 10.0.0.0/8\nicmp ::/0"


def test_rule_says_what_may_come_in_from_where():
    rule = read_rule("udp 5000-5010 10.0.0.0/8")

    assert (rule.direction, rule.protocol, rule.remote_cidr) == ("ingress", "udp", "10.0.0.0/8")
    assert (rule.port_min, rule.port_max) == (5000, 5010)


@pytest.mark.parametrize(
    "rules",
    [
        "",
        "tcp",
        "tcp 443",
        "tcp 0 0.0.0.0/0",
        "tcp 65536 0.0.0.0/0",
        "tcp 90-80 0.0.0.0/0",
        "tcp -1 0.0.0.0/0",
        "tcp 443 10.0.0.1/8",
        "tcp 443 overal",
        "icmp 8 0.0.0.0/0",
        "sctp 443 0.0.0.0/0",
        "tcp 443 0.0.0.0/0 extra",
        "<b>tcp</b> 443 0.0.0.0/0",
        "\n".join(f"tcp {port} 0.0.0.0/0" for port in range(1, 32)),
        443,
        None,
    ],
)
def test_anything_else_is_refused_at_its_field(rules):
    with pytest.raises(InvalidInput) as refusal:
        cleaned(rules)
    assert list(refusal.value.errors) == ["rules"]
