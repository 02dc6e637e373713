"""One object per cloud and process, made by the gateway that the settings name."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from portal.cloud import forget_clouds, get_cloud
from portal.cloud.fake import FakeCloud
from portal.cloud.openstack import OpenStackCloud


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    forget_clouds()
    yield
    forget_clouds()


def test_clouds_are_openstack_unless_the_settings_say_otherwise(settings: Settings) -> None:
    assert isinstance(get_cloud("sovereign"), OpenStackCloud)

    forget_clouds()
    settings.CLOUD_GATEWAY = "portal.cloud.fake.connect"
    assert isinstance(get_cloud("sovereign"), FakeCloud)


def test_each_cloud_is_connected_to_once(settings: Settings) -> None:
    settings.CLOUD_GATEWAY = "portal.cloud.fake.connect"

    assert get_cloud("sovereign") is get_cloud("sovereign")
    assert get_cloud("sovereign") is not get_cloud("other")


def test_connection_is_not_shared_over_a_fork() -> None:
    cloud = get_cloud("sovereign")
    child = os.fork()
    if child == 0:
        os._exit(0 if get_cloud("sovereign") is not cloud else 1)

    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert get_cloud("sovereign") is cloud
