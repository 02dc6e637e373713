"""What one person asked is no obstacle to what another asks."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0040_carts_keep_a_purpose'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddConstraint(
            model_name='quotarequest',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'proposed')), fields=('node', 'metric', 'proposed_by'), name='quota_request_one_waits_of_each_person'),
        ),
        migrations.RemoveConstraint(
            model_name='quotarequest',
            name='quota_request_one_waits',
        ),
    ]
