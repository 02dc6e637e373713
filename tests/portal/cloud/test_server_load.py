"""What Nova's diagnostics tell, and which of it is a figure of how busy a server is."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from portal.cloud.openstack.usage import Usage
from portal.cloud.ports import ServerLoad


def told(**diagnostics: Any) -> ServerLoad:
    """What the adapter makes of the answer; the rest of it is as libvirt gives it."""
    body = {
        "num_cpus": 2,
        "cpu_details": [
            {"id": 0, "time": 17_300_000_000, "utilisation": None},
            {"id": 1, "time": 2_700_900_000, "utilisation": None},
        ],
        "memory_details": {"maximum": 4096, "used": 1024},
        "uptime": 46664,
        **diagnostics,
    }
    response = SimpleNamespace(json=lambda: body, status_code=200)
    compute = SimpleNamespace(get=lambda path: {"/servers/s/diagnostics": response}[path])
    connections: Any = SimpleNamespace(over_all=lambda: SimpleNamespace(compute=compute))
    return Usage(connections).server_load("s")


def test_processors_count_together_and_memory_is_a_share():
    assert told() == ServerLoad(
        processors=2,
        cpu_milliseconds=20_000,
        uptime_seconds=46664,
        memory_share=Decimal("0.2502"),  # 1024 MiB, and perhaps a part of the next
    )


@pytest.mark.parametrize(
    "figures",
    [
        {"maximum": 4096, "used": 4096},  # libvirt: what it was given, not what it uses
        {"maximum": 524288, "used": 0},  # libvirt in whole GiB of less than one; Nova's fake
        {"maximum": 0, "used": 0},
        {"maximum": 4, "used": 5},
        {"maximum": 4, "used": 3},  # in whole GiB that may be all but nothing of 4
        {"maximum": 2, "used": 1},
        {"maximum": 4096, "used": None},
        {"maximum": None, "used": 1024},
        {},
        None,
    ],
)
def test_memory_that_is_no_figure_of_use_is_not_told(figures):
    assert told(memory_details=figures).memory_share is None


@pytest.mark.parametrize(
    ("used", "maximum", "share"),
    [
        (1, 4, "0.5"),  # libvirt in whole GiB, rounded down: it may be 1.9
        (2, 4, "0.75"),
        (6, 8, "0.875"),
        (1945, 4096, "0.4751"),
    ],
)
def test_memory_is_never_told_as_less_than_it_may_be(used, maximum, share):
    load = told(memory_details={"maximum": maximum, "used": used})

    assert load.memory_share == Decimal(share)


def test_one_processor_without_a_count_leaves_all_of_them_without():
    details = [{"id": 0, "time": 5, "utilisation": 3}, {"id": 1, "time": None, "utilisation": 3}]

    load = told(cpu_details=details, uptime=None)

    assert (load.processors, load.cpu_milliseconds, load.uptime_seconds) == (2, None, None)


def test_hypervisor_that_tells_no_processors_tells_their_number_alone():
    load = told(cpu_details=[])

    assert (load.processors, load.cpu_milliseconds) == (2, None)
    assert told(cpu_details=[], num_cpus=None).processors == 0
