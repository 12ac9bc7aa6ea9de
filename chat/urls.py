from django.urls import path

from chat import attachment_views, transcript_views, views
from chat.letters.files import CONTENT_TYPES

urlpatterns = [
    path("", views.page, name="chat"),
    path("api/conversation/", views.conversation, name="conversation"),
    path("api/attachments/", attachment_views.upload, name="attachments"),
    path("api/attachments/<uuid:attachment_id>/", attachment_views.picture, name="attachment"),
    path("api/attachments/<uuid:attachment_id>/thumb/", attachment_views.thumb, name="attachment_thumb"),
    *(
        path(f"api/transcript/<uuid:conversation>.{form}", transcript_views.download, {"form": form})
        for form in CONTENT_TYPES
    ),
    path("transcript/confirm/<str:token>/", transcript_views.confirm, name="confirm_transcript"),
    path("webhooks/sendgrid/", transcript_views.sendgrid_webhook, name="sendgrid_webhook"),
]
