"""Transcripts by e-mail: the outbox, what became of each mail, and whose addresses are confirmed.

What here is a customer's: `TranscriptDelivery` (address, network in hashed form) with its `DeliveryEvent`s
hangs on the conversation; `ConfirmedAddress` on the visitor. Mails kept as files, on a site without a mail
service, lie in `settings.MAIL_DIR` and name their delivery.
"""

import uuid

from django.db import models
from django.db.models import Q

from chat.models.conversations import Conversation, Message


class TranscriptDelivery(models.Model):
    """One mail: a transcript, or the question whether an address may get one.

    `due_at` says from when on a worker may take the row. Taking it moves `due_at` ahead by the lease, so
    nothing has to notice a dead worker. `attempts` also numbers the tries: what a worker writes down
    holds only while the row still stands at its try.
    """

    class Purpose(models.TextChoices):
        TRANSCRIPT = "transcript", "transcript"
        CONFIRMATION = "confirmation", "confirmation of the address"
        REPLY = "reply", "a person's reply"

    class State(models.TextChoices):
        WAITING = "waiting", "waits for the address to be confirmed"
        QUEUED = "queued", "queued"
        SENDING = "sending", "being handed over"
        ACCEPTED = "accepted", "accepted by the mail service"
        DELIVERED = "delivered", "delivered"
        BOUNCED = "bounced", "bounced"
        DROPPED = "dropped", "dropped by the mail service"
        FAILED = "failed", "failed"
        AMBIGUOUS = "ambiguous", "not known whether it was sent"
        STORED = "stored", "kept as a file, not sent"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="deliveries")
    purpose = models.CharField(max_length=12, choices=Purpose, default=Purpose.TRANSCRIPT)
    last_message = models.ForeignKey(
        Message, on_delete=models.CASCADE, related_name="+", help_text="The transcript ends with it."
    )
    email = models.EmailField(help_text="As the customer typed it.")
    address = models.CharField(max_length=254, help_text="The same in lower case: one mail each.")
    mailbox = models.CharField(max_length=254, help_text="The address without +tag: what the limit counts.")
    network = models.CharField(max_length=32, blank=True, help_text="Hash of the network it was asked from.")
    state = models.CharField(max_length=10, choices=State)
    error = models.CharField(max_length=200, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    ambiguous_tries = models.PositiveSmallIntegerField(
        default=0, help_text="Tries of which nobody knows whether the mail service took them."
    )
    resent_after = models.PositiveSmallIntegerField(
        default=0, help_text="Tries before staff sent it again; news of those changes nothing any more."
    )
    service_id = models.CharField(max_length=120, blank=True, help_text="The mail service's message id.")
    event_at = models.DateTimeField(null=True, blank=True, help_text="Of the event that made the state.")
    created_at = models.DateTimeField()
    queued_at = models.DateTimeField(help_text="When its day of tries began.")
    due_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "transcript deliveries"
        ordering = ("-created_at",)
        permissions = (("resend_transcriptdelivery", "Can send a transcript again"),)
        constraints = (
            models.UniqueConstraint(
                fields=["conversation", "last_message", "address"],
                condition=Q(purpose="transcript"),
                name="delivery_once_per_state_of_talk",
            ),
        )
        indexes = (
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="delivery_due"),
            models.Index(fields=["network", "created_at"], name="delivery_network"),
            models.Index(fields=["mailbox", "created_at"], name="delivery_mailbox"),
            models.Index(fields=["-created_at"], name="delivery_recent"),
        )

    def __str__(self) -> str:
        return f"{self.get_purpose_display()} {str(self.id)[:8]}"


class DeliveryEvent(models.Model):
    """What the mail service told of a mail. Told twice, it is stored once."""

    delivery = models.ForeignKey(TranscriptDelivery, on_delete=models.CASCADE, related_name="events")
    service_event_id = models.CharField(max_length=120, unique=True)
    kind = models.CharField(max_length=20)
    attempt = models.PositiveSmallIntegerField()
    at = models.DateTimeField(help_text="By the mail service's clock.")
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("at", "pk")

    def __str__(self) -> str:
        return self.kind


class ConfirmedAddress(models.Model):
    """This visitor has opened the link that was sent to this address."""

    visitor = models.CharField(max_length=32)
    address = models.CharField(max_length=254, help_text="In lower case.")
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "confirmed addresses"
        constraints = (models.UniqueConstraint(fields=["visitor", "address"], name="address_confirmed_once"),)

    def __str__(self) -> str:
        return f"Address of visitor {self.visitor[:4]}"
