"""Markdown of an answer → HTML that is safe to show, by the rules of `joblynk.markdown` and stricter ones.

Raw HTML is text, pictures become their description, and a link stays a link only when its host stands in
the passages of the answer (or is named in `hosts`): a model that was talked into something by a document
cannot send the reader, or the conversation, anywhere else.
"""

import re
from collections.abc import Callable, Iterable, MutableMapping, Sequence
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from joblynk.markdown import parser, safe_html

_CITATION = re.compile(r"\[(\d{1,3})\]")
_ADDRESS = re.compile(r"https?://[^\s<>()\"'\]]{4,2000}")


def render(text: str, *, citations: int = 0, hosts: frozenset[str] = frozenset()) -> str:
    """`citations` is the highest `[n]` that becomes a link to source n of the answer."""
    tokens = _parser().parse(text)
    for token in tokens:
        if token.children:
            token.children = _inline(token.children, citations, hosts)
    return safe_html(_parser(), tokens)


def hosts_in(texts: Iterable[str]) -> frozenset[str]:
    """The hosts of all addresses in the texts."""
    return frozenset(
        host for text in texts for address in _ADDRESS.findall(text) if (host := _host(address)) is not None
    )


@cache
def _parser() -> MarkdownIt:
    ours = parser()
    ours.add_render_rule("citation", _render_citation)
    ours.add_render_rule("image", _render_image)
    return ours


def _render_citation(_: RendererHTML, tokens: Sequence[Token], index: int, *__: Any) -> str:
    number = int(tokens[index].content)
    return f'<a class="cite" href="#source-{number}" data-source="{number}">{number}</a>'


def _render_image(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: Any,
    env: MutableMapping[str, Any],
) -> str:
    return _escape(renderer.renderInlineAsText(tokens[index].children, options, env))


_escape: Callable[[str], str] = nh3.clean_text


def _inline(children: Sequence[Token], citations: int, hosts: frozenset[str]) -> list[Token]:
    out: list[Token] = []
    dropped = 0
    for token in children:
        if token.type == "link_open" and not _is_known(str(token.attrGet("href") or ""), hosts):
            dropped += 1
        elif token.type == "link_close" and dropped:
            dropped -= 1
        elif token.type == "text" and citations:
            out += _split(token, citations)
        else:
            out.append(token)
    return out


def _split(token: Token, citations: int) -> Iterable[Token]:
    place = 0
    for match in _CITATION.finditer(token.content):
        if not 1 <= int(match[1]) <= citations:
            continue
        yield _text(token.content[place : match.start()])
        yield Token("citation", "", 0, content=match[1])
        place = match.end()
    yield _text(token.content[place:])


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


def _is_known(address: str, hosts: frozenset[str]) -> bool:
    return address.startswith("mailto:") or _host(address) in hosts


def _host(address: str) -> str | None:
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return parts.hostname if parts.scheme in ("http", "https") else None
