from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0044_usage_checks")]

    operations = [
        migrations.AddField(
            model_name="orderline",
            name="tags",
            field=models.JSONField(db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name="cartline",
            name="tags",
            field=models.JSONField(db_default={}, default=dict),
        ),
    ]
