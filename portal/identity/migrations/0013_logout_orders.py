"""Logout orders of providers are kept whole: they hold for logins on their way, too.

Those from before name nobody any more, so only their being used is kept.
"""

from datetime import UTC, datetime

from django.db import migrations, models
from django.db.models import Q

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class Migration(migrations.Migration):
    dependencies = [("identity", "0012_identity_stays_with_its_person")]

    operations = [
        migrations.AddField(
            model_name="usedlogouttoken",
            name="subject",
            field=models.CharField(blank=True, default="-", max_length=255),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="usedlogouttoken",
            name="sid",
            field=models.CharField(blank=True, default="-", max_length=255),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="usedlogouttoken",
            name="issued_at",
            field=models.DateTimeField(default=_NEVER),
            preserve_default=False,
        ),
        migrations.AddConstraint(
            model_name="usedlogouttoken",
            constraint=models.CheckConstraint(
                condition=~Q(subject="", sid=""), name="logout_token_names_somebody"
            ),
        ),
    ]
