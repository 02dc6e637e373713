"""A KvK number and an RSIN name one living organization, as an OIN does.

Where two living organizations have one number nobody logs in with it, and this stops: empty it
at one of them first.
"""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("identity", "0006_sessions_and_break_glass")]
    operations = [
        migrations.AddConstraint(
            "organization",
            models.UniqueConstraint(
                fields=["kvk_number"],
                condition=~Q(kvk_number="") & Q(is_ended=False),
                name="organization_one_living_per_kvk_number",
            ),
        ),
        migrations.AddConstraint(
            "organization",
            models.UniqueConstraint(
                fields=["rsin"],
                condition=~Q(rsin="") & Q(is_ended=False),
                name="organization_one_living_per_rsin",
            ),
        ),
    ]
