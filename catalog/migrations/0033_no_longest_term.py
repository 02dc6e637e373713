from django.db import migrations, models

# 1096 days was nobody's choice: it stood there by itself, and bound only who gave an end date.
SQL = """
ALTER TABLE catalog_offeringversion DISABLE TRIGGER offering_version_guard;
UPDATE catalog_offeringversion SET maximum_term_days = {to} WHERE maximum_term_days {of};
ALTER TABLE catalog_offeringversion ENABLE TRIGGER offering_version_guard;
"""


class Migration(migrations.Migration):
    """A longest term holds for orders without an end date too, so it may be left out."""

    dependencies = [("catalog", "0032_price_paid_once")]

    operations = [
        migrations.AlterField(
            model_name="offeringversion",
            name="maximum_term_days",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.RunSQL(
            SQL.format(to="NULL", of="= 1096"), SQL.format(to="1096", of="IS NULL")
        ),
    ]
