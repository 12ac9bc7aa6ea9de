"""Transcript → e-mail: what the worker does with the outbox, and what pages need to lay a transcript out."""

import logging
import time
from collections.abc import Mapping
from uuid import UUID

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.signing import BadSignature, Signer
from django.urls import reverse

from chat import doorbell
from chat.letters.mails import confirmation_mail, reply_mail, transcript_mail
from chat.letters.sheet import Sheet, VideoLink, lay_out
from chat.models import TranscriptDelivery
from chat.transcripts import outbox, replies
from chat.transcripts.export import Transcript, export
from chat.transcripts.outbox import Job
from joblynk.providers.mail import MailError, OutgoingMail

logger = logging.getLogger(__name__)

TURN_SECONDS = 10.0
_links = Signer(salt="chat.transcript.confirm")


def send_due(video_link: VideoLink) -> bool:
    """Send what is due, for some seconds; True if more is left."""
    until = time.monotonic() + TURN_SECONDS
    while True:
        job, events = outbox.claim()
        doorbell.ring(events)
        if job is not None:
            send(job, video_link)
        elif not events:
            return False
        if time.monotonic() > until:
            return True


def send(job: Job, video_link: VideoLink) -> None:
    """One try. Whatever goes wrong is written down; nothing is raised but what the database raises."""
    try:
        mail = _compose(job, video_link)
    except Exception as error:
        logger.exception("transcript_not_composed delivery=%s", job.id)
        doorbell.ring(outbox.postpone(job, f"could not be written ({type(error).__name__})"))
        return
    if mail is None:
        doorbell.ring(outbox.failed(job, "nothing is left to send"))
    elif outbox.begin(job):
        doorbell.ring(_hand_over(job, mail, video_link))


def _hand_over(job: Job, mail: OutgoingMail, video_link: VideoLink) -> outbox.Events:
    try:
        mail.send()
    except MailError as error:
        if error.code == "too_large" and mail.attachments:
            smaller = _compose(job, video_link, pictures=False)
            return _hand_over(job, smaller, video_link) if smaller else ()
        return _note_failure(job, error)
    if not settings.SENDGRID_API_KEY:
        return outbox.stored(job)
    return outbox.accepted(job, mail.service_id)


def _note_failure(job: Job, error: MailError) -> outbox.Events:
    level = logging.WARNING if error.retryable else logging.ERROR
    logger.log(level, "transcript_not_sent delivery=%s attempt=%s error=%s", job.id, job.attempt, error)
    if error.maybe_sent:
        return outbox.unclear(job, str(error)) or ()
    if error.retryable:
        return outbox.postpone(job, str(error), error.retry_after)
    return outbox.failed(job, str(error))


def _compose(job: Job, video_link: VideoLink, *, pictures: bool = True) -> OutgoingMail | None:
    marks = {"delivery": job.id.hex, "attempt": str(job.attempt)}
    if job.purpose == TranscriptDelivery.Purpose.CONFIRMATION:
        return confirmation_mail(job.email, confirmation_link(job.id), marks)
    if job.purpose == TranscriptDelivery.Purpose.REPLY:
        said = replies.reply_of(job.id)
        return reply_mail(said, job.email, marks) if said else None
    transcript = export(job.conversation, until=job.last_message)
    if transcript is None or not transcript.entries:
        return None
    sheet = sheet_of(transcript, video_link)
    return transcript_mail(sheet, job.email, thumbs(sheet) if pictures else {}, marks)


def sheet_of(transcript: Transcript, video_link: VideoLink) -> Sheet:
    return lay_out(
        transcript,
        site_name=settings.SITE_NAME,
        site_url=settings.SITE_URL,
        usual_zone=settings.TIME_ZONE,
        video_link=video_link,
    )


def thumbs(sheet: Sheet) -> Mapping[UUID, bytes]:
    """The small pictures; one whose file is gone is left out."""
    found: dict[UUID, bytes] = {}
    for picture in sheet.pictures:
        try:
            with default_storage.open(picture.thumb) as file:
                found[picture.id] = file.read()
        except OSError:
            logger.warning("thumbnail_is_gone picture=%s", picture.id)
    return found


# --- The link of a confirmation ------------------------------------------------------------------


def confirmation_link(delivery: UUID) -> str:
    return f"{settings.SITE_URL}{reverse('confirm_transcript', args=[_links.sign(delivery.hex)])}"


def read_link(token: str) -> UUID | None:
    """The delivery that a link's token names; None when nobody gave it out."""
    try:
        return UUID(_links.unsign(token))
    except (BadSignature, ValueError):
        return None
