from django.apps import AppConfig
from django.conf import settings


class JoblynkConfig(AppConfig):
    name = "joblynk"
    verbose_name = "Joblynk"

    def ready(self) -> None:
        from joblynk import checks, mail_checks, sentry  # noqa: F401  (registers them)
        from joblynk.processes import share_memory

        share_memory()
        sentry.report(settings.SENTRY_DSN, settings.SITE_NAME, settings.BUILD)
