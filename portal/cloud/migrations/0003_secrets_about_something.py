"""A secret says what it is about. None that is kept now gives access to anything: they go."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models
from django.db.migrations.state import StateApps


def forget_all(apps: StateApps, schema_editor: Any) -> None:
    apps.get_model("cloud", "Secret").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("cloud", "0002_paced_until")]

    operations = [
        migrations.RunPython(forget_all, migrations.RunPython.noop),
        migrations.AddField("secret", "about", models.UUIDField(), preserve_default=False),
        migrations.AddField("secret", "slot", models.CharField(max_length=60)),
        migrations.AddField("secret", "form", models.CharField(max_length=40)),
        migrations.AddConstraint(
            "secret",
            models.UniqueConstraint(fields=["about", "slot"], name="secret_one_in_a_slot"),
        ),
    ]
