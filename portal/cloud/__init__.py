"""The way to the clouds: ask ``get_cloud`` for one by its name in ``clouds.yaml``."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, cast

from django.conf import settings
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from portal.cloud.ports import Cloud

__all__ = ["forget_clouds", "get_cloud"]


@cache
def get_cloud(key: str) -> Cloud:
    """The cloud called ``key``: one object per process, through ``settings.CLOUD_GATEWAY``.

    Makes no call; whether the cloud is there shows at the first question.
    """
    return cast("Cloud", import_string(settings.CLOUD_GATEWAY)(key))


def forget_clouds() -> None:
    """Make the next ``get_cloud`` start anew: open connections are not shared over a fork."""
    get_cloud.cache_clear()


os.register_at_fork(after_in_child=forget_clouds)
