"""Markdown and plain text. The source of each section is kept as it is written."""

import re

from markdown_it import MarkdownIt

from knowledge.formats.types import MAX_TEXT_CHARS, Extracted, ExtractError, Outline, clean

# Only the block structure is wanted: parsing the inline text would take most of the time.
_parser = MarkdownIt("commonmark", {"maxNesting": 20}).enable("table").disable(["inline", "text_join"])
_FRONT_MATTER = re.compile(r"---\n(?:[^\n]*\n){0,60}?---\n")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_MARKS = re.compile(r"[*`]+|(?<!\w)_+|_+(?!\w)|!?\[([^\]\[]*)\]\([^()]*\)|\\(?=[^\w\s])")


def read_markdown(source: str) -> Extracted:
    source = _checked(source)
    if match := _FRONT_MATTER.match(source):
        source = source[match.end() :]
    lines = source.split("\n")
    outline = Outline()
    tokens = _parser.parse(source)
    for number, token in enumerate(tokens):
        if token.level or token.map is None or token.nesting < 0:
            continue
        if token.type == "heading_open":
            outline.heading(int(token.tag[1]), plain(tokens[number + 1].content))
        elif token.type == "html_block":
            outline.block(without_comments("\n".join(lines[slice(*token.map)])))
        elif token.type != "hr":
            outline.block("\n".join(lines[slice(*token.map)]))
    return outline.finish()


def read_text(source: str) -> Extracted:
    """Paragraphs and nothing else: plain text has no marks that could be trusted."""
    outline = Outline()
    for paragraph in re.split(r"\n[ \t]*\n", _checked(source)):
        outline.block(paragraph)
    return outline.finish()


def without_comments(html: str) -> str:
    """One that does not end is kept. (Looking for the end of each of many would take the square of time.)"""
    *closed, rest = html.rpartition("-->")
    return _COMMENT.sub("", "".join(closed)) + rest


def plain(markdown: str) -> str:
    """A heading without its marks of emphasis, code and links."""
    return _MARKS.sub(lambda match: match[1] or "", markdown)


def _checked(source: str) -> str:
    if len(source) > MAX_TEXT_CHARS:
        raise ExtractError("too_large")
    return clean(source)
