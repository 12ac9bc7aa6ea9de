from django.urls import path, re_path

from videos.serving import views

urlpatterns = [
    path("api/videos/<int:video_id>/", views.video, name="video"),
    path("api/videos/<int:video_id>/captions/<int:track_id>.vtt", views.captions, name="video_captions"),
    re_path(r"^videos/(?P<name>[0-9a-f]{32})\.(?P<kind>webm|mp4)$", views.video_file, name="video_file"),
    re_path(r"^videos/posters/(?P<name>[0-9a-f]{32})\.webp$", views.poster, name="video_poster"),
]
