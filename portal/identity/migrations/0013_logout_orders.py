"""Logout orders of providers are kept whole: they hold for logins on their way, too.

Those from before name nobody any more, so only their being used is kept. Sessions of a provider
that was taken away end in a way of their own.
"""

from datetime import UTC, datetime

from django.db import migrations, models
from django.db.models import Q

ENDS = {
    "own": "Ended by yourself",
    "operator": "Ended by an operator",
    "provider": "Ended by the login service",
    "blocked": "The account was blocked",
    "idle": "Not used for too long",
    "absolute": "The time was up",
    "replaced": "Logged in again",
    "moved": "Logged in for another organization",
    "removed": "The login service is no longer used here",
}
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
        migrations.AlterField(
            model_name="loginsession",
            name="ended_how",
            field=models.CharField(blank=True, choices=list(ENDS.items()), max_length=20),
        ),
        migrations.RemoveConstraint(model_name="loginsession", name="login_session_end_known"),
        migrations.AddConstraint(
            model_name="loginsession",
            constraint=models.CheckConstraint(
                condition=Q(ended_how__in=["", *ENDS]), name="login_session_end_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="usedlogouttoken",
            constraint=models.CheckConstraint(
                condition=~Q(subject="", sid=""), name="logout_token_names_somebody"
            ),
        ),
    ]
