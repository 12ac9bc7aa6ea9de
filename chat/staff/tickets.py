"""What the page of a conversation shows at its socket: whoever has it was given the transcript, and the audit
log says so. It holds for one person, one conversation and one working day."""

import uuid

from django.core.signing import BadSignature, TimestampSigner

_LASTS = 60 * 60 * 12  # seconds


def _signer() -> TimestampSigner:
    return TimestampSigner(salt="chat.staff.ticket")


def issue(user_id: int, conversation: uuid.UUID) -> str:
    return _signer().sign(f"{user_id}.{conversation.hex}")


def conversation_of(ticket: str, user_id: int) -> uuid.UUID | None:
    """None when it is forged, too old, or somebody else's."""
    try:
        owner, _, conversation = _signer().unsign(ticket, max_age=_LASTS).partition(".")
        return uuid.UUID(conversation) if owner == str(user_id) else None
    except (BadSignature, ValueError):
        return None
