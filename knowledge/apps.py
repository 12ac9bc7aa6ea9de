from django.apps import AppConfig
from django.db.models.signals import post_migrate


class KnowledgeConfig(AppConfig):
    name = "knowledge"
    verbose_name = "Knowledge"

    def ready(self) -> None:
        from knowledge import checks, roles  # noqa: F401  (registers the checks)

        # Permissions are made by another receiver of this signal, which is asked first: auth comes before.
        post_migrate.connect(roles.create_groups, sender=self)
