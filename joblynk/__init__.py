"""Joblynk Chatbot: the configuration and start-up of the site."""

import os

__version__ = "0.1.0"

# By itself the runtime of the models tells its maker of each process that loads it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
# Its other threads spin for 30 ms after each product that is large enough for them, which takes the
# processor from the encoder: 7 % of a rebuild. What is large here is FAISS's and the encoder's work.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
