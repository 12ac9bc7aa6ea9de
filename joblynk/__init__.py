"""Joblynk Chatbot: the configuration and start-up of the site."""

__version__ = "0.1.0"
