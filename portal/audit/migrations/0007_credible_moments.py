"""Moments of the trail are between 1970 and 2999: PostgreSQL knows others, that nothing can show.

Rows that are there are not looked at. What somebody made of those ``verify_audit`` tells, and an
upgrade must not stop at the evidence.
"""

from datetime import UTC, datetime

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

CREDIBLE = models.Q(
    at__gte=datetime(1970, 1, 1, tzinfo=UTC), at__lt=datetime(3000, 1, 1, tzinfo=UTC)
)


class Migration(migrations.Migration):
    dependencies = [("audit", "0006_numbered_seals")]

    operations = [
        AddConstraintNotValid(
            model_name=f"audit{name}",
            constraint=models.CheckConstraint(
                condition=CREDIBLE, name=f"audit_{name}_moment_is_credible"
            ),
        )
        for name in ("entry", "anchor", "seal", "verification")
    ]
