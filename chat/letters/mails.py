"""The mails: a transcript, the question whether an address wants one, and what a person answered."""

from collections.abc import Mapping
from email.mime.image import MIMEImage
from uuid import UUID

from django.conf import settings
from django.template.loader import render_to_string

from chat.letters.markup import render_html
from chat.letters.plain import render_text
from chat.letters.sheet import Sheet, one_line, subject
from chat.transcripts.replies import Reply
from joblynk.providers.mail import OutgoingMail

LARGEST = 25 * 1024 * 1024
"""Bytes of a whole mail. Many mailboxes take no more; SendGrid's own limit is 30 MB."""
_BASE64 = 4 / 3 * 78 / 76  # what base64 and its line ends make of a byte
_HEADERS = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}


def transcript_mail(
    sheet: Sheet, email: str, thumbs: Mapping[UUID, bytes], custom_args: dict[str, str]
) -> OutgoingMail:
    """`thumbs`: JPEG bytes by picture. When the whole would be over `LARGEST`, they stay out and the mail
    says so; with none given although the sheet has pictures, likewise."""
    missing = bool(sheet.pictures) and not thumbs
    mail = _transcript_mail(sheet, email, thumbs, custom_args, without_pictures=missing)
    size = len(mail.body.encode()) + len(str(mail.alternatives[0][0]).encode())
    if thumbs and (size + sum(map(len, thumbs.values()))) * _BASE64 > LARGEST:
        return _transcript_mail(sheet, email, {}, custom_args, without_pictures=True)
    return mail


def confirmation_mail(email: str, link: str, custom_args: dict[str, str]) -> OutgoingMail:
    """Nothing in it comes from a customer."""
    site = one_line(settings.SITE_NAME)
    title = f"Confirm your e-mail address for {site}"
    before = [
        f"Somebody chatting with {site} asked us to send the transcript of the conversation to this address.",
        "If that was you, open this page and press the button. The transcript then comes at once.",
    ]
    after = [
        "The link works for 24 hours. If you didn’t ask for this, do nothing: no transcript is sent, and "
        "you needn’t tell us.",
        f"Sent by {site}, {settings.SITE_URL}",
    ]
    context = {"subject": title, "before": before, "after": after, "link": link}
    text = "\n\n".join([title, *before, link, *after]) + "\n"
    return _mail(title, text, render_to_string("chat/letters/confirmation.html", context), email, custom_args)


def reply_mail(said: Reply, email: str, custom_args: dict[str, str]) -> OutgoingMail:
    """What people of the team said to a customer who had gone. None of the customer's own words."""
    site = one_line(settings.SITE_NAME)
    title = f"{one_line(said.author)} of {site} answered you"
    why = f"Sent by {site}, {settings.SITE_URL}, because this address was left in the chat for the answer."
    after = ["Open the chat in the same browser to go on.", why]
    context = {"subject": title, "texts": said.texts, "after": after}
    text = "\n\n".join([title, *said.texts, *after]) + "\n"
    return _mail(title, text, render_to_string("chat/letters/reply.html", context), email, custom_args)


def sentences(sheet: Sheet) -> list[str]:
    """Who sent it, and why."""
    answer = " Answers to this mail reach our team." if settings.MAIL_REPLY_TO else ""
    return [
        f"{sheet.site_name} sent you this mail because this address was given in the chat to receive the "
        "transcript. Nobody is told whether you open it.",
        f"If you didn’t ask for it, just delete it.{answer}",
    ]


def _transcript_mail(
    sheet: Sheet,
    email: str,
    thumbs: Mapping[UUID, bytes],
    custom_args: dict[str, str],
    *,
    without_pictures: bool,
) -> OutgoingMail:
    title = subject(sheet)
    why = sentences(sheet)
    sources = {picture: f"cid:{_content_id(picture)}" for picture in thumbs}
    footer = {"sentences": why, "without_pictures": without_pictures}
    text = render_text(sheet, why, without_pictures=without_pictures)
    mail = _mail(title, text, render_html(sheet, title, sources, footer), email, custom_args)
    for picture, content in thumbs.items():
        part = MIMEImage(content, "jpeg")
        part.add_header("Content-ID", f"<{_content_id(picture)}>")
        part.add_header("Content-Disposition", "inline", filename=f"{picture.hex[:12]}.jpg")
        mail.attach(part)
    return mail


def _mail(title: str, text: str, html: str, email: str, custom_args: dict[str, str]) -> OutgoingMail:
    mail = OutgoingMail(
        subject=one_line(title),
        body=text,
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[email],
        reply_to=[settings.MAIL_REPLY_TO] if settings.MAIL_REPLY_TO else None,
        headers=dict(_HEADERS),
        custom_args=custom_args,
    )
    mail.attach_alternative(html, "text/html")
    mail.mixed_subtype = "related"  # the pictures belong to the text
    return mail


def _content_id(picture: UUID) -> str:
    return f"{picture.hex}@transcript"
