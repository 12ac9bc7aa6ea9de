import uuid

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat", "0003_shown_videos")]

    operations = [
        migrations.CreateModel(
            name='ConfirmedAddress',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('visitor', models.CharField(max_length=32)),
                ('address', models.CharField(help_text='In lower case.', max_length=254)),
                ('at', models.DateTimeField()),
            ],
            options={
                'verbose_name_plural': 'confirmed addresses',
                'constraints': [models.UniqueConstraint(fields=('visitor', 'address'), name='address_confirmed_once')],
            },
        ),
        migrations.CreateModel(
            name='TranscriptDelivery',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('purpose', models.CharField(choices=[('transcript', 'transcript'), ('confirmation', 'confirmation of the address')], default='transcript', max_length=12)),
                ('email', models.EmailField(help_text='As the customer typed it.', max_length=254)),
                ('address', models.CharField(help_text='The same in lower case: one mail each.', max_length=254)),
                ('mailbox', models.CharField(help_text='The address without +tag: what the limit counts.', max_length=254)),
                ('network', models.CharField(blank=True, help_text='Hash of the network it was asked from.', max_length=32)),
                ('state', models.CharField(choices=[('waiting', 'waits for the address to be confirmed'), ('queued', 'queued'), ('sending', 'being handed over'), ('accepted', 'accepted by the mail service'), ('delivered', 'delivered'), ('bounced', 'bounced'), ('dropped', 'dropped by the mail service'), ('failed', 'failed'), ('ambiguous', 'not known whether it was sent'), ('stored', 'kept as a file, not sent')], max_length=10)),
                ('error', models.CharField(blank=True, max_length=200)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('ambiguous_tries', models.PositiveSmallIntegerField(default=0, help_text='Tries of which nobody knows whether the mail service took them.')),
                ('resent_after', models.PositiveSmallIntegerField(default=0, help_text='Tries before staff sent it again; news of those changes nothing any more.')),
                ('service_id', models.CharField(blank=True, help_text="The mail service's message id.", max_length=120)),
                ('event_at', models.DateTimeField(blank=True, help_text='Of the event that made the state.', null=True)),
                ('created_at', models.DateTimeField()),
                ('queued_at', models.DateTimeField(help_text='When its day of tries began.')),
                ('due_at', models.DateTimeField(blank=True, null=True)),
                ('updated_at', models.DateTimeField()),
                ('conversation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='chat.conversation')),
                ('last_message', models.ForeignKey(help_text='The transcript ends with it.', on_delete=django.db.models.deletion.CASCADE, related_name='+', to='chat.message')),
            ],
            options={
                'verbose_name_plural': 'transcript deliveries',
                'ordering': ('-created_at',),
                'permissions': (('resend_transcriptdelivery', 'Can send a transcript again'),),
            },
        ),
        migrations.CreateModel(
            name='DeliveryEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('service_event_id', models.CharField(max_length=120, unique=True)),
                ('kind', models.CharField(max_length=20)),
                ('attempt', models.PositiveSmallIntegerField()),
                ('at', models.DateTimeField(help_text="By the mail service's clock.")),
                ('reason', models.CharField(blank=True, max_length=200)),
                ('delivery', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='events', to='chat.transcriptdelivery')),
            ],
            options={
                'ordering': ('at', 'pk'),
            },
        ),
        migrations.AddIndex(
            model_name='transcriptdelivery',
            index=models.Index(condition=models.Q(('due_at__isnull', False)), fields=['due_at'], name='delivery_due'),
        ),
        migrations.AddIndex(
            model_name='transcriptdelivery',
            index=models.Index(fields=['network', 'created_at'], name='delivery_network'),
        ),
        migrations.AddIndex(
            model_name='transcriptdelivery',
            index=models.Index(fields=['mailbox', 'created_at'], name='delivery_mailbox'),
        ),
        migrations.AddIndex(
            model_name='transcriptdelivery',
            index=models.Index(fields=['-created_at'], name='delivery_recent'),
        ),
        migrations.AddConstraint(
            model_name='transcriptdelivery',
            constraint=models.UniqueConstraint(condition=models.Q(('purpose', 'transcript')), fields=('conversation', 'last_message', 'address'), name='delivery_once_per_state_of_talk'),
        ),
    ]
