"""Questions that make no sense alone ("and for teams?") and what to search for instead."""

import re
from collections.abc import Iterable

from chat.assistant.services import Exchange
from chat.assistant.vocabulary import vocabulary

_WORD = re.compile(r"[\w'-]+")
_LEANS_BACK = vocabulary("it its that this they them their those these there one ones same he she")
_OPENS = re.compile(
    r"^(?:and|or|but|so|then|also|what about|how about|what if|why|why not|how so|how come|since when"
    r"|until when|for how long|how long|how much|how many|where|when|which|does it|is it|can it|can i"
    r"|really|even|no|for|with|without)\b",
    re.IGNORECASE,
)
_EMPTY = _LEANS_BACK | vocabulary(
    """a an the and or but so then also what about how if why not for of to in on at with by from is are was
    were do does did can could will would should i you we me my our your much many long when where which who
    any some else more please tell really even just work works no take takes took need needs get gets have has
    happens now then later afterwards after before again too still"""
)
_SUBJECT = re.compile(
    r"[a-z]-?\d|\d{3}", re.IGNORECASE
)  # an error code, a number of an invoice; not "20 people"
_NAMED = 2  # words with a content of their own, before "it": that is what "it" means
_LONGEST = 12  # words; a longer question stands on its own
_STEM = 4  # letters that a word and its inflections share
_CONTEXT = 300  # characters of the earlier question that are searched along


def leans_on_context(question: str) -> bool:
    """Whether the question refers to something said before it."""
    words = _words(question)
    if not words or len(words) > _LONGEST or _SUBJECT.search(question):
        return False
    content = _content(question)
    return not content or _leans(words) or (len(content) <= 2 and bool(_OPENS.match(question)))


def _leans(words: list[str]) -> bool:
    """Whether one of the words points back, and not at something that the question has named itself: "what
    does the team plan hold and how much is it"."""
    named = 0
    for word in words:
        if word in _LEANS_BACK:
            return named < _NAMED
        named += word not in _EMPTY
    return False


def with_context(question: str, history: tuple[Exchange, ...]) -> str | None:
    """The question with what it refers to, or None when it stands alone or nothing came before."""
    if not history or not leans_on_context(question):
        return None
    return f"{history[-1].query[:_CONTEXT]} {question}"


def is_met(question: str, texts: Iterable[str]) -> bool:
    """Whether what was found speaks of what the follow-up adds. Its context alone finds the same passages
    as before, whatever is asked about them."""
    found = " ".join(texts).lower()
    return all(word[: max(_STEM, len(word) - 3)] in found for word in _content(question))


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def _content(question: str) -> list[str]:
    return [word for word in _words(question) if word not in _EMPTY and not word.isdigit()]
