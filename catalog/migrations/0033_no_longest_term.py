from django.db import migrations, models


class Migration(migrations.Migration):
    """A longest term holds for orders without an end date too, so it may be left out."""

    dependencies = [("catalog", "0032_price_paid_once")]

    operations = [
        migrations.AlterField(
            model_name="offeringversion",
            name="maximum_term_days",
            field=models.PositiveIntegerField(null=True),
        ),
    ]
