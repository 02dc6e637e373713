"""No limit begins or ends after the year 2999: pages could not show it."""

import datetime

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0036_quota_alerts'),
    ]

    operations = [
        migrations.AddConstraint(
            model_name='limitchange',
            constraint=models.CheckConstraint(condition=models.Q(('valid_from__lt', datetime.datetime(3000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)), models.Q(('valid_until', None), ('valid_until__lt', datetime.datetime(3000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)), _connector='OR')), name='limit_change_has_a_horizon'),
        ),
        migrations.AddConstraint(
            model_name='quotalimit',
            constraint=models.CheckConstraint(condition=models.Q(('valid_from__lt', datetime.datetime(3000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)), models.Q(('valid_until', None), ('valid_until__lt', datetime.datetime(3000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)), _connector='OR')), name='quota_limit_has_a_horizon'),
        ),
    ]
