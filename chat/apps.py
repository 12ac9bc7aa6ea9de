from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ChatConfig(AppConfig):
    name = "chat"
    verbose_name = "Conversations"

    def ready(self) -> None:
        from chat import checks  # noqa: F401  (registers the checks)
        from chat.staff import roles

        # Permissions are made by another receiver of this signal, which is asked first: auth comes before.
        post_migrate.connect(roles.create_groups, sender=self)
