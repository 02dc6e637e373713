"""Refusals are counted for each node that they are about, so that its auditors hear of them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_results_origins_and_seals")]
    operations = [
        migrations.AddField("refusaltally", "node_id", models.BigIntegerField(null=True)),
        migrations.RemoveConstraint("refusaltally", "refusals_are_counted_once"),
        migrations.AddConstraint(
            "refusaltally",
            models.UniqueConstraint(
                fields=["minute", "address", "event", "node_id"],
                name="refusals_are_counted_once",
                nulls_distinct=False,
            ),
        ),
    ]
