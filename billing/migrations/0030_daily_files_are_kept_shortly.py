"""A file a day, each with all of the month so far, is kept for three months at most."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0029_files_are_all_there")]
    operations = [
        migrations.AddConstraint(
            model_name="fileschedule",
            constraint=models.CheckConstraint(
                condition=~models.Q(rhythm="daily") | models.Q(kept_days__lte=92),
                name="file_schedule_keeps_daily_files_for_three_months",
            ),
        ),
    ]
