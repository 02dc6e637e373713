from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """The page of quotas looked through all claims for those few that are reserved."""

    dependencies = [("catalog", "0034_limits_handed_out")]

    operations = [
        migrations.AddIndex(
            model_name="quotaclaim",
            index=models.Index(
                fields=["id"], condition=Q(state="reserved"), name="quota_claim_reserved"
            ),
        ),
    ]
