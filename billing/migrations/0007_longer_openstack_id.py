"""A container is known by its name, and Swift takes 256 bytes of that."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0006_use_that_goes_on"),
    ]

    operations = [
        migrations.AlterField(
            model_name="meteredresource",
            name="openstack_id",
            field=models.CharField(blank=True, max_length=256),
        ),
    ]
