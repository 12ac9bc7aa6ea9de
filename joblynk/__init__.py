"""Joblynk Chatbot: the configuration and start-up of the site."""

import os

__version__ = "0.1.0"

# By itself the runtime of the models tells its maker of each process that loads it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
