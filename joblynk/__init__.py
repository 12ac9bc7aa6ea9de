"""Joblynk Chatbot: the configuration and start-up of the site."""

import os

__version__ = "0.1.0"

# By itself the runtime of the models tells its maker of each process that loads it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
# The threads that numpy multiplies matrices with spin for 30 ms after each large product, and so take the
# processor from the encoder: 7 % of a rebuild.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
