from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('cloud', '0003_secrets_about_something'),
    ]

    operations = [
        migrations.AddField(
            model_name='cloudproject',
            name='limits_asked_at',
            field=models.DateTimeField(null=True),
        ),
    ]
