from django.apps import AppConfig
from django.db.models.signals import post_migrate


class VideosConfig(AppConfig):
    name = "videos"
    verbose_name = "Videos"

    def ready(self) -> None:
        from videos import roles

        # Permissions are made by another receiver of this signal, which is asked first: auth comes before.
        post_migrate.connect(roles.create_groups, sender=self)
