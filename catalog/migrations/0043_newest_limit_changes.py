"""The last changes of each quota are found without the others."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0042_released_claims_hold_nothing'),
    ]

    operations = [
        migrations.AlterField(
            model_name='limitchange',
            name='quota',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='changes', to='catalog.quota'),
        ),
        migrations.AddIndex(
            model_name='limitchange',
            index=models.Index(fields=['quota', '-changed_at', '-id'], name='limit_change_newest'),
        ),
    ]
