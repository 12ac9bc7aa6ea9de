"""What needs no search: greetings, thanks, good-byes, and the wish for a person."""

import re
from typing import Literal

from chat.assistant.vocabulary import vocabulary

Kind = Literal["greeting", "thanks", "goodbye", "acknowledgement", "identity", "person"]

_LONGEST = 120  # characters; a longer message says something
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")

_GREETING = vocabulary("hi hello hey hiya howdy greetings morning afternoon evening hallo bonjour hola")
_THANKS = vocabulary("thanks thank thx ty cheers danke merci gracias appreciated appreciate")
_GOODBYE = vocabulary("bye goodbye cya farewell tschüss")
_ACKNOWLEDGE = vocabulary("ok okay great perfect cool awesome understood fine nice good brilliant")
_FILLER = vocabulary(
    """there you a an the very so much lot for your help team everyone all again that is this was it's that's
    it i me my day have see later good dear and bot assistant joblynk please just really to of got helpful
    helped solved fixed worked"""
)

_IDENTITY = re.compile(
    r"^(?:so |and )?(?:who|what) are you\W*$|^are you (?:a |an )?(?:real|human|bot|robot|ai|person|machine)\b"
    r"|^(?:what|how) can you (?:do|help)\b|^how are you\b|^what do you do\b",
    re.IGNORECASE,
)
_SOMEBODY = (
    r"(?:(?:a|an|the|some|your|one of your) )?(?:(?:real|live|actual|human) )?"
    r"(?:human(?: being)?|person|people|agent|someone|somebody|representative|rep|operator|advisor|adviser"
    r"|colleague|staff(?: member)?|support (?:agent|person|team)|team member|member of (?:staff|the team))"
)
_PERSON = re.compile(
    r"^(?:please |i (?:want|need|would like|wish) to |i'd like to |let me |(?:can|could|may) (?:i|you) )*"
    rf"(?:please )?(?:talk|speak|chat|connect me|transfer me|put me through|pass me|hand me over|get me)"
    rf"(?: to| with)? {_SOMEBODY}\b[^?]{{0,30}}\??$"
    rf"|^(?:i (?:want|need)|get me|give me) {_SOMEBODY}(?: please| now)?[.! ]*$"
    rf"|^{_SOMEBODY}(?: please)?[.! ]*$",
    re.IGNORECASE,
)

REPLIES: dict[Kind, str] = {
    "greeting": "Hello! Ask me anything about {site}: I answer from our guides and show where it stands.",
    "thanks": "You're welcome. Is there anything else I can look up for you?",
    "goodbye": "Good-bye, and all the best.",
    "acknowledgement": "Good. I'm here if anything else comes up.",
    "identity": (
        "I'm the assistant of {site}. I answer from its guides and FAQs, show you the passages I used, "
        "and hand you over to a person whenever you ask."
    ),
    "person": "Of course. I've passed this conversation on, so a person can pick it up from here.",
}


def recognise(text: str) -> Kind | None:
    """The kind of small talk, or None when the message deserves a search."""
    text = " ".join(text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split())
    if len(text) > _LONGEST:
        return None
    if _PERSON.search(text):
        return "person"
    if _IDENTITY.search(text) and len(text) <= 60:
        return "identity"
    words = [word.lower() for word in _WORD.findall(text)]
    if not words or any(char.isdigit() for char in text):
        return None
    if not set(words) <= _GREETING | _THANKS | _GOODBYE | _ACKNOWLEDGE | _FILLER:
        return None
    for kind, words_of_kind in _VOCABULARIES:
        if words_of_kind & set(words):
            return kind
    return None


_VOCABULARIES: tuple[tuple[Kind, frozenset[str]], ...] = (
    ("thanks", _THANKS),
    ("goodbye", _GOODBYE),
    ("greeting", _GREETING),
    ("acknowledgement", _ACKNOWLEDGE),
)
