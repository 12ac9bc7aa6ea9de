from django.urls import path

from chat import attachment_views, views

urlpatterns = [
    path("", views.page, name="chat"),
    path("api/conversation/", views.conversation, name="conversation"),
    path("api/attachments/", attachment_views.upload, name="attachments"),
    path("api/attachments/<uuid:attachment_id>/", attachment_views.picture, name="attachment"),
    path("api/attachments/<uuid:attachment_id>/thumb/", attachment_views.thumb, name="attachment_thumb"),
]
