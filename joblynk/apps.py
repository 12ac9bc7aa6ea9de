from django.apps import AppConfig


class JoblynkConfig(AppConfig):
    name = "joblynk"
    verbose_name = "Joblynk"
