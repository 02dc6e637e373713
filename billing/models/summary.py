"""What a month costs, as it was last reckoned for everybody: pages read it instead of all usage.

Nothing here is a fact. Every row follows from usage, prices and the tree, and may be thrown away.
"""

from __future__ import annotations

from django.db import models


class MonthSummary(models.Model):
    """One business month up to ``as_of``, with what runs then running on to the end of the month.

    The newest of a month counts; older ones are kept for who is still reading them. ``seconds`` is
    how long it took, for what takes long is not done often; ``charge_count`` is how much there was
    to reckon, for of little there is no need. ``is_billed``: of a closed month. It has the days of
    what was billed and no lines, for these are on the statements.
    """

    month_start = models.DateTimeField()
    as_of = models.DateTimeField()
    taken_at = models.DateTimeField()
    seconds = models.FloatField()
    charge_count = models.BigIntegerField(default=0, db_default=0)
    is_billed = models.BooleanField(default=False, db_default=False)

    class Meta:
        indexes = [models.Index(fields=["month_start", "-id"], name="month_summary_newest")]

    def __str__(self) -> str:
        return f"{self.month_start} as of {self.as_of}"


class SummaryLine(models.Model):
    """A line as ``CostLine``: of what was used, or of what is expected of the whole month.

    ``unit_price``: None of what an earlier release reckoned, and without a price.
    """

    summary = models.ForeignKey(MonthSummary, on_delete=models.CASCADE, related_name="lines")
    is_expected = models.BooleanField()
    organization = models.ForeignKey(
        "identity.Organization", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    project = models.ForeignKey(
        "identity.Project", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    sku = models.ForeignKey(
        "billing.Sku", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    price = models.ForeignKey(
        "billing.Price", null=True, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    cost_center = models.CharField(max_length=40, null=True)  # noqa: DJ001 (as in ``CostLine``)
    cost_object = models.CharField(max_length=40, null=True)  # noqa: DJ001
    commitment_number = models.CharField(max_length=40, null=True)  # noqa: DJ001
    unit_price = models.DecimalField(max_digits=18, decimal_places=6, null=True)
    from_quantity = models.DecimalField(max_digits=18, decimal_places=6, default=0, db_default=0)
    charge_count = models.BigIntegerField(default=0, db_default=0)
    quantity_seconds = models.DecimalField(max_digits=40, decimal_places=6)
    exact = models.DecimalField(max_digits=30, decimal_places=6)

    def __str__(self) -> str:
        return f"{self.exact} for {self.sku_id} in {self.project_id}"


class SummaryDay(models.Model):
    """What one project cost on one day, and one organization paid."""

    summary = models.ForeignKey(MonthSummary, on_delete=models.CASCADE, related_name="days")
    is_expected = models.BooleanField()
    organization = models.ForeignKey(
        "identity.Organization", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    project = models.ForeignKey(
        "identity.Project", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    day_start = models.DateTimeField()
    exact = models.DecimalField(max_digits=30, decimal_places=6)

    def __str__(self) -> str:
        return f"{self.exact} in {self.project_id} on {self.day_start}"


class OutdatedMonth(models.Model):
    """A fact was written about a month that was over: what was reckoned of it no longer holds.

    Triggers write it in the transaction of the fact, on usage, prices and the tree.
    """

    month_start = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return str(self.month_start)
