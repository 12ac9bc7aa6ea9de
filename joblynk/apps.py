from django.apps import AppConfig
from django.conf import settings


class JoblynkConfig(AppConfig):
    name = "joblynk"
    verbose_name = "Joblynk"

    def ready(self) -> None:
        from joblynk import checks, logs, mail_checks  # noqa: F401  (registers them)

        logs.report_to_sentry(settings.SENTRY_DSN, settings.SITE_NAME, settings.BUILD)
