"""How much waits, for those who watch the site."""

from chat.models import TranscriptDelivery


def outbox_depth() -> int:
    """Mails that a worker has yet to hand over."""
    return TranscriptDelivery.objects.filter(due_at__isnull=False).count()
