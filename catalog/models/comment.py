"""What people say to each other under an order."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import Q

from portal.core.models import PublicIdModel

COMMENT_LENGTH: Final = 1000  # characters


class OrderComment(PublicIdModel):
    """One remark, kept as it was written (triggers).

    ``is_question``: whoever decides wants to know more first. Until the requester of the order
    wrote something after it the order is in ``needs_information``.
    """

    order = models.ForeignKey("catalog.Order", on_delete=models.PROTECT, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    text = models.CharField(max_length=COMMENT_LENGTH)
    is_question = models.BooleanField(default=False)
    written_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(text=""), name="order_comment_says_something"),
        ]
        indexes = [models.Index(fields=["order", "id"], name="order_comment_by_order")]

    def __str__(self) -> str:
        return f"{self.pk} on {self.order_id}"
