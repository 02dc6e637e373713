"""A step remembers that an answer did not come, so that late arrivals are looked for."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0002_four_eyes")]
    operations = [
        migrations.AddField(
            model_name="step",
            name="outcome_unknown_at",
            field=models.DateTimeField(null=True),
        ),
    ]
