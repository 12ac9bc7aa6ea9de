from django.apps import AppConfig


class JoblynkConfig(AppConfig):
    name = "joblynk"
    verbose_name = "Joblynk"

    def ready(self) -> None:
        from joblynk import checks, mail_checks  # noqa: F401  (registers them)
