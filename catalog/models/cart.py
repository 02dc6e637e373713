"""What somebody collects to order together. It holds nothing: no quota, no price, no name."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from portal.core.models import PublicIdModel


class Cart(PublicIdModel):
    """The cart of one person in one project, seen by nobody else; it ends in its ``order``.

    ``revision`` counts what was put in or taken out, so that what is ordered is what was seen.
    ``purpose`` is what was first said of it, to begin with when it is sent.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="carts"
    )
    project = models.ForeignKey("identity.Project", on_delete=models.PROTECT, related_name="carts")
    revision = models.PositiveIntegerField(default=0)
    purpose = models.CharField(max_length=300, blank=True, default="", db_default="")
    order = models.OneToOneField(
        "catalog.Order", null=True, on_delete=models.PROTECT, related_name="cart"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "project"],
                condition=Q(order=None),
                name="cart_one_open_per_person_and_project",
            ),
        ]

    def __str__(self) -> str:
        return f"cart {self.pk} in {self.project_id}"


class CartLine(PublicIdModel):
    """One thing in a cart: what it shall be called and be like, in the offering as it is then.

    A name stands in it once for an offering, so that what is sent twice is in it once.
    """

    cart = models.ForeignKey(Cart, on_delete=models.CASCADE, related_name="lines")
    offering = models.ForeignKey("catalog.Offering", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=63)
    spec = models.JSONField()
    end_date = models.DateField(null=True)
    tags = models.JSONField(default=dict, db_default={})

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["cart", "offering", "name"], name="cart_line_one_of_a_name"
            ),
        ]
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.name
