from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from joblynk import health, monitoring

admin.site.site_header = admin.site.site_title = f"{settings.SITE_NAME}: staff"
admin.site.index_title = "What would you like to look after?"

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", monitoring.show, name="metrics"),
    path("admin/", admin.site.urls),
    path("", include("videos.urls")),
    path("", include("chat.urls")),
]
