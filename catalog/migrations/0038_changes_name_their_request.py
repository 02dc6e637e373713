"""What was granted on request says of which, so that its history needs no name in a text."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0037_limits_have_a_horizon'),
    ]

    operations = [
        migrations.AddField(
            model_name='limitchange',
            name='request',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='changes', to='catalog.quotarequest'),
        ),
    ]
