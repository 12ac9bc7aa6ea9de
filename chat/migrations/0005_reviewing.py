import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# The triggers keep the index in step with the rows, whoever deletes them. A later migration that makes SQLite
# build `chat_digest` anew has to create them again.
SQLITE = (
    """CREATE VIRTUAL TABLE chat_digest_index USING fts5(
    words, content='chat_digest', content_rowid='id', detail='none', tokenize='unicode61 remove_diacritics 0')""",
    """CREATE TRIGGER chat_digest_added AFTER INSERT ON chat_digest BEGIN
    INSERT INTO chat_digest_index(rowid, words) VALUES (new.id, new.words);
END""",
    """CREATE TRIGGER chat_digest_removed AFTER DELETE ON chat_digest BEGIN
    INSERT INTO chat_digest_index(chat_digest_index, rowid, words) VALUES ('delete', old.id, old.words);
END""",
    """CREATE TRIGGER chat_digest_changed AFTER UPDATE OF words ON chat_digest BEGIN
    INSERT INTO chat_digest_index(chat_digest_index, rowid, words) VALUES ('delete', old.id, old.words);
    INSERT INTO chat_digest_index(rowid, words) VALUES (new.id, new.words);
END""",
)
POSTGRESQL = "CREATE INDEX chat_digest_index ON chat_digest USING gin (to_tsvector('simple', words))"


def index_words(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRESQL)
        return
    for statement in SQLITE:
        schema_editor.execute(statement)


def forget_index(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX chat_digest_index")
        return
    for trigger in ("added", "removed", "changed"):
        schema_editor.execute(f"DROP TRIGGER chat_digest_{trigger}")
    schema_editor.execute("DROP TABLE chat_digest_index")


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0004_deliveries"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('actor_name', models.CharField(blank=True, help_text='Stays when the account goes.', max_length=150)),
                ('action', models.CharField(choices=[('read', 'read a transcript'), ('export', 'exported transcripts'), ('takeover', 'took a conversation over'), ('release', 'gave a conversation back'), ('resolve', 'closed a conversation'), ('visitor_export', "exported a visitor's data"), ('erase', 'erased a visitor'), ('prune', 'forgot what was too old')], max_length=16)),
                ('conversation', models.UUIDField(blank=True, null=True)),
                ('detail', models.CharField(blank=True, help_text="Counts; never a customer's words.", max_length=300)),
            ],
            options={
                'verbose_name_plural': 'audit entries',
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='Digest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('seq', models.PositiveIntegerField(help_text='Of the conversation, when this was made.')),
                ('at', models.DateTimeField(help_text='When it was last spoken in.')),
                ('not_found', models.BooleanField(default=False)),
                ('not_helpful', models.BooleanField(default=False)),
                ('failed', models.BooleanField(default=False)),
                ('pictures', models.BooleanField(default=False)),
                ('videos', models.BooleanField(default=False)),
                ('words', models.TextField(help_text='Each word once, in lower case and without accents.')),
            ],
        ),
        migrations.AlterModelOptions(
            name='conversation',
            options={'permissions': (('answer_conversation', 'Can answer customers'), ('assign_conversation', 'Can take a conversation over from a colleague'), ('export_conversation', 'Can export transcripts'), ('erase_conversation', 'Can export and erase all that a visitor left'))},
        ),
        migrations.AddField(
            model_name='conversation',
            name='assignee',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='conversation',
            name='assignee_name',
            field=models.CharField(blank=True, help_text='What the customer is told.', max_length=80),
        ),
        migrations.AddField(
            model_name='conversation',
            name='reply_due_at',
            field=models.DateTimeField(blank=True, help_text="When a person's words go by e-mail, unless they are seen before.", null=True),
        ),
        migrations.AddField(
            model_name='conversation',
            name='seen_seq',
            field=models.PositiveIntegerField(default=0, help_text='How far the customer has seen, while a person answers.'),
        ),
        migrations.AddField(
            model_name='conversation',
            name='waiting_since',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name='conversation',
            index=models.Index(condition=models.Q(('reply_due_at__isnull', False)), fields=['reply_due_at'], name='conversation_reply_due'),
        ),
        migrations.AddField(
            model_name='auditentry',
            name='actor',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='digest',
            name='conversation',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='digest', to='chat.conversation'),
        ),
        migrations.AddIndex(
            model_name='auditentry',
            index=models.Index(fields=['conversation'], name='audit_conversation'),
        ),
        migrations.AddIndex(
            model_name='digest',
            index=models.Index(fields=['at'], name='digest_at'),
        ),
        migrations.AddIndex(
            model_name='digest',
            index=models.Index(condition=models.Q(('not_found', True)), fields=['-id'], name='digest_not_found'),
        ),
        migrations.AddIndex(
            model_name='digest',
            index=models.Index(condition=models.Q(('not_helpful', True)), fields=['-id'], name='digest_not_helpful'),
        ),
        migrations.AddIndex(
            model_name='digest',
            index=models.Index(condition=models.Q(('failed', True)), fields=['-id'], name='digest_failed'),
        ),
        migrations.AddIndex(
            model_name='digest',
            index=models.Index(condition=models.Q(('pictures', True)), fields=['-id'], name='digest_pictures'),
        ),
        migrations.AddIndex(
            model_name='digest',
            index=models.Index(condition=models.Q(('videos', True)), fields=['-id'], name='digest_videos'),
        ),
        migrations.RunPython(index_words, forget_index),
        migrations.AlterField(
            model_name='transcriptdelivery',
            name='purpose',
            field=models.CharField(choices=[('transcript', 'transcript'), ('confirmation', 'confirmation of the address'), ('reply', "a person's reply")], default='transcript', max_length=12),
        ),
    ]
