"""The pure parts: citations, Markdown, small talk, follow-ups."""

import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from chat.assistant import followup, smalltalk, tongues
from chat.assistant.citations import CitationStream
from chat.assistant.markdown import hosts_in, render
from chat.assistant.services import Exchange
from chat.assistant.vocabulary import vocabulary
from joblynk.markdown import safe_html

# --- Citations ---------------------------------------------------------------------------------


def cite(*pieces: str, available: int = 3) -> str:
    stream = CitationStream(available)
    return "".join(map(stream.feed, pieces)) + stream.flush()


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Second [2], then first [1].", "Second [1], then first [2]."),
        ("Both [1, 3].", "Both [1][2]."),
        ("Harmony 【2†L3-L9】.", "Harmony [1]."),
        ("Invented [9] is gone [1].", "Invented is gone [1]."),
        ("Partly [9, 2].", "Partly [1]."),
        ("Text in [brackets] stays, and [1](x) too.", "Text in [brackets] stays, and [1](x) too."),
        ("Never closed [1", "Never closed [1"),
        ("Twice [1] and [1].", "Twice [1] and [1]."),
    ],
)
def test_markers_are_checked_and_numbered_as_they_appear(written: str, shown: str) -> None:
    assert cite(written) == shown


@hypothesis_settings(max_examples=500, deadline=None)
@given(st.text(alphabet="[]【】† 12,9ab\n", max_size=80), st.integers(1, 7))
def test_what_is_shown_does_not_depend_on_how_the_text_was_cut(text: str, size: int) -> None:
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert cite(*pieces) == cite(text)


@hypothesis_settings(max_examples=500, deadline=None)
@given(st.text(alphabet="[]【】 0123456789,", max_size=60))
def test_no_number_beyond_the_passages_survives_as_a_marker(text: str) -> None:
    assert all(int(number) <= 3 for number in re.findall(r"\[(\d{1,3})\]", cite(text)) if int(number))


# --- Markdown ----------------------------------------------------------------------------------

ALLOWED = vocabulary("a blockquote br code em h3 h4 hr li ol p pre s strong table tbody td th thead tr ul")
ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x)",
    "![x](https://evil.example/pixel.png?secret)",
    "![x](javascript:alert(1))",
    "<javascript:alert(1)>",
    "<https://evil.example/>",
    "[x]: https://evil.example\n\n[x]",
    "[a](https://evil.example 'title\" onmouseover=alert(1)')",
    "<svg/onload=alert(1)>",
    "<iframe src=https://evil.example></iframe>",
    "<style>@import 'https://evil.example'</style>",
    '<a href="https://evil.example" class="cite">1</a>',
    "`<script>`\n```html\n<script>alert(1)</script>\n```",
    "<!-- --><base href=//evil.example>",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "[//evil.example](//evil.example)",
    "[x](https://good.example@evil.example)",
    "[x](https://good.example.evil.example)",
    "| a |\n|---|\n| <img src=x onerror=alert(1)> |",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_runs_and_nothing_leads_elsewhere(attack: str) -> None:
    html = render(f"Fine. {attack} Fine.\n\n{attack}", hosts=frozenset({"good.example"}))
    for tag in re.findall(r"<[^>]*>", html):
        assert re.fullmatch(r"</?(p|br|em|strong|code|pre|a|table|thead|tbody|tr|th|td)\b[^>]*>", tag), tag
        assert "evil.example" not in tag
        assert not re.search(r"\bon\w+=|javascript:|data:|vbscript:|\bsrc=|\bstyle=", tag, re.IGNORECASE), tag


@hypothesis_settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(ATTACKS) | st.text(max_size=12), max_size=8).map("".join))
def test_no_mixture_of_attacks_brings_a_tag_that_is_not_allowed(text: str) -> None:
    tags = set(re.findall(r"<([a-z0-9]+)", render(text, citations=2)))
    assert tags <= ALLOWED


class Nodes(HTMLParser):
    """The tags, attributes and addresses of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.schemes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.schemes |= {urlsplit(value or "").scheme for name, value in attrs if name == "href"}


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_allow_list_holds_even_where_html_came_through_the_parser(attack: str) -> None:
    loose = MarkdownIt("commonmark", {"html": True})
    nodes = Nodes(safe_html(loose, loose.parse(f"Fine. {attack} Fine.\n\n{attack}")))
    assert nodes.tags <= ALLOWED
    assert nodes.attributes <= {"href", "title", "class", "rel"}
    assert nodes.schemes <= {"", "https"}


def test_a_picture_becomes_its_description() -> None:
    assert render("![The **sign-in** page](https://evil.example/p.png)") == "<p>The sign-in page</p>"


def test_citations_become_links_to_the_sources_that_exist() -> None:
    html = render("Yes [1], no [2]. `[1]`", citations=1)
    assert html.count('data-source="1"') == 1
    assert "[2]" in html
    assert "<code>[1]</code>" in html


def test_a_link_that_stands_in_the_guides_stays_a_link() -> None:
    hosts = hosts_in(["See https://help.joblynk.example/plans for all."])
    assert 'href="https://help.joblynk.example/x"' in render(
        "[x](https://help.joblynk.example/x)", hosts=hosts
    )


# --- Small talk and follow-ups -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Hi", "greeting"),
        ("Good morning!", "greeting"),
        ("thanks a lot", "thanks"),
        ("Thanks, that helped!", "thanks"),
        ("ok", "acknowledgement"),
        ("bye", "goodbye"),
        ("Are you a robot?", "identity"),
        ("I want to talk to a human", "person"),
        ("can i speak to someone please?", "person"),
        ("agent", "person"),
        ("How do I contact a person?", None),
        ("hi, how do I reset my password", None),
        ("thanks, but it still says E-1042", None),
        ("thanks, but that has not helped", None),
        ("what are your opening hours", None),
        ("Is the support team good at weekends?", None),
        ("", None),
        ("???", None),
    ],
)
def test_small_talk_is_told_from_questions(text: str, kind: str | None) -> None:
    assert smalltalk.recognise(text) == kind


BEFORE = (Exchange("How long is Starter signed in?", "2 hours", "How long is Starter signed in?"),)


@pytest.mark.parametrize(
    "question",
    [
        *("and for teams?", "why?", "how do I change it?", "what about Business", "how long"),
        *("no, for the yearly plan", "without a card?", "can I edit it afterwards?"),
        *("and for 20 people?", "what about 3 seats?"),
    ],
)
def test_a_question_that_leans_on_the_last_one_is_joined_with_it(question: str) -> None:
    assert followup.with_context(question, BEFORE) == f"{BEFORE[0].query} {question}"
    assert followup.with_context(question, ()) is None


@pytest.mark.parametrize(
    "question",
    [
        *("How do I cancel my plan?", "refund policy", "E-1042", "and E-2003?", "error 404"),
        "what does the team plan hold and how much is it?",
    ],
)
def test_a_question_with_a_subject_stands_alone(question: str) -> None:
    assert followup.with_context(question, BEFORE) is None


def test_what_a_follow_up_adds_is_its_words_with_a_meaning_of_their_own() -> None:
    assert followup.is_met("how long does it take?", ["Erasing goes on for 14 days."])
    assert followup.is_met("can I edit it afterwards?", ["Press Edit."])
    assert not followup.is_met("and the weather?", ["Press Edit."])


@pytest.mark.parametrize(
    ("question", "tongue"),
    [
        ("Wie kann ich mein Passwort zurücksetzen?", "Englisch"),
        ("Comment puis-je changer mon mot de passe ?", "anglais"),
        ("¿Cómo puedo cambiar mi contraseña?", "inglés"),
        ("Come posso cambiare la mia password?", "inglese"),
        ("Como posso mudar a minha senha?", "inglês"),
        ("Hoe kan ik mijn wachtwoord wijzigen?", "Engels"),
        ("Jak mogę zmienić moje hasło?", "angielsku"),
        ("My boss left and nobody has the admin login any more", "No."),
        ("the error says: Sie haben keine Berechtigung, what can I do?", "No."),
        ("de facto", "No."),
        ("", "No."),
    ],
)
def test_a_question_in_another_language_is_refused_in_that_language(question: str, tongue: str) -> None:
    assert tongue in tongues.refusal(question, "No.")
