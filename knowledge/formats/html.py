"""Web pages: the visible main text as Markdown."""

from collections.abc import Iterator

from lxml import etree
from lxml import html as lxml_html

from knowledge.formats.types import (
    MAX_DEPTH,
    MAX_TEXT_CHARS,
    Extracted,
    ExtractError,
    Outline,
    clean,
    one_line,
    spread,
    table,
)

_DROPPED = frozenset(
    {
        "script",
        "style",
        "noscript",
        "template",
        "iframe",
        "object",
        "embed",
        "svg",
        "math",
        "canvas",
        "audio",
        "video",
        "form",
        "button",
        "select",
        "input",
        "textarea",
        "nav",
        "footer",
        "aside",
        "dialog",
        "head",
    }
)
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_BLOCKS = frozenset(
    {
        "address",
        "article",
        "blockquote",
        "body",
        "center",
        "details",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "html",
        "li",
        "main",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
    }
)


def read_html(source: str) -> Extracted:
    if len(source) > MAX_TEXT_CHARS:
        raise ExtractError("too_large")
    # lxml refuses str with an encoding declaration; bytes with a parser that knows better are fine.
    parser = lxml_html.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = lxml_html.document_fromstring(clean(source).encode(), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError) as error:
        _check_memory(parser)
        raise ExtractError("empty") from error
    _check_memory(parser)
    outline = Outline()
    _walk(_main(root), outline)
    if not outline.title:
        outline.title = one_line(root.findtext(".//title") or "")
    return outline.finish()


def _check_memory(parser: lxml_html.HTMLParser) -> None:
    """Out of memory, libxml2 stops where it is and hands over the half it has."""
    if any(entry.type == etree.ErrorTypes.ERR_NO_MEMORY for entry in parser.error_log):
        raise MemoryError


def _main(root: lxml_html.HtmlElement) -> lxml_html.HtmlElement:
    for path in (".//main", ".//*[@role='main']", ".//article", ".//body"):
        found = root.findall(path)
        if len(found) == 1:
            return found[0]
    return root


def _hidden(element: lxml_html.HtmlElement) -> bool:
    style = (element.get("style") or "").replace(" ", "").lower()
    return (
        element.tag in _DROPPED
        or not isinstance(element.tag, str)
        or "hidden" in element.attrib
        or element.get("aria-hidden") == "true"
        or "display:none" in style
        or "visibility:hidden" in style
    )


def _walk(element: lxml_html.HtmlElement, outline: Outline, depth: int = 0) -> None:
    """Hands blocks to the outline; text between blocks is gathered into paragraphs of its own."""
    if depth > MAX_DEPTH:
        raise ExtractError("too_complex")
    loose = element.text or ""
    for child in element:
        if _hidden(child):
            loose += child.tail or ""
        elif _is_block(child):
            outline.block(one_line(loose))
            _block(child, outline, depth)
            loose = child.tail or ""
        else:
            loose += _inline(child) + (child.tail or "")
    outline.block(one_line(loose))


def _is_block(element: lxml_html.HtmlElement) -> bool:
    """Also an inline element (a link, a span) round blocks."""
    return element.tag in _BLOCKS or next(element.iter(*_BLOCKS), None) is not None


def _block(element: lxml_html.HtmlElement, outline: Outline, depth: int) -> None:
    match element.tag:
        case tag if tag in _HEADINGS:
            outline.heading(int(tag[1]), _inline(element))
        case "ul" | "ol":
            outline.block("\n".join(_items(element, 0)))
        case "table":
            outline.block(_table(element))
        case "pre":
            outline.block(f"```\n{element.text_content().strip(chr(10))}\n```")
        case "dl":
            outline.block("\n".join(_definitions(element)))
        case "blockquote":
            outline.block("> " + text if (text := one_line(_inline(element))) else "")
        case _:
            _walk(element, outline, depth + 1)


def _inline(element: lxml_html.HtmlElement) -> str:
    """Text of an element with its visible descendants, not yet trimmed; breaks become spaces."""
    parts: list[str] = []
    skipped = 0
    for event, node in etree.iterwalk(element, events=("start", "end")):
        hides = node is not element and _hidden(node)
        if event == "start":
            skipped += hides
            if not skipped:
                parts.append(
                    f" {node.text or ''}" if node.tag in _BLOCKS or node.tag == "br" else node.text or ""
                )
        else:
            skipped -= hides
            if not skipped and node is not element:
                parts.append(node.tail or "")
    return "".join(parts)


def _items(element: lxml_html.HtmlElement, depth: int) -> Iterator[str]:
    if depth > MAX_DEPTH // 10:
        raise ExtractError("too_complex")
    start = element.get("start", "")
    number = int(start) if start.isdecimal() and len(start) < 5 else 1
    for item in element:
        if item.tag in ("ul", "ol"):
            yield from _items(item, depth + 1)
        if item.tag != "li" or _hidden(item):
            continue
        inner = [child for child in item if child.tag in ("ul", "ol")]
        tails = " ".join(child.tail or "" for child in inner)
        for child in inner:
            item.remove(child)
        mark = f"{number}. " if element.tag == "ol" else "- "
        yield "  " * depth + mark + one_line(f"{_inline(item)} {tails}")
        number += 1
        for child in inner:
            yield from _items(child, depth + 1)


def _table(element: lxml_html.HtmlElement) -> str:
    rows = list(
        spread(
            (
                (one_line(_inline(cell)), _span(cell, "colspan"), _span(cell, "rowspan"))
                for cell in row
                if cell.tag in ("td", "th") and not _hidden(cell)
            )
            for row in element.iter("tr")
        )
    )
    caption = element.findtext("caption")
    return (f"{one_line(caption)}:\n\n" if caption else "") + table(rows)


def _span(cell: lxml_html.HtmlElement, name: str) -> int:
    told = cell.get(name, "")
    return int(told) if told.isdecimal() and len(told) < 5 else 1


def _definitions(element: lxml_html.HtmlElement) -> Iterator[str]:
    for child in element.iter("dt", "dd"):
        text = one_line(_inline(child))
        yield f"- **{text}**" if child.tag == "dt" else f"  {text}"
