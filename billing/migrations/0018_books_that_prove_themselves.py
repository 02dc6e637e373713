"""A statement keeps the sha256 of what it says."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0017_books_that_add_up")]

    operations = [
        migrations.AddField(
            model_name="statement",
            name="content_sha256",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
    ]
