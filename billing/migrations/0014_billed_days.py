"""Of a closed month a summary keeps what each day was billed."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0013_budget_months'),
    ]

    operations = [
        migrations.AddField(
            model_name="monthsummary",
            name="is_billed",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
