/**
 * Markdown while it is still being written: source → a small tree → DOM nodes. A light view, replaced by the server's
 * html at the end. Text only ever becomes text nodes, so nothing a model writes can become markup.
 *
 * @typedef {{tag: string, attributes?: Record<string, string>, children: Tree[]} | string} Tree
 */

const FENCE = /^\s{0,3}(```+|~~~+)/;
const HEADING = /^\s{0,3}(#{1,6})\s+(.*?)\s*#*$/;
const RULE = /^\s{0,3}([-*_])(\s*\1){2,}\s*$/;
const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;
const QUOTE = /^\s{0,3}>\s?/;
const DIVIDER = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;
const DEEPEST = 8; // levels of nesting; what lies deeper is shown as plain text
// What may be the first half of a mark that the next piece completes.
const HALF_MARK = /(\*{1,2}|_{1,2}|`{1,2}|\[\d{0,2})$/;

/**
 * Cuts the source into blocks. A block's text never changes once the next one has begun.
 * @param {string} source
 * @returns {string[]}
 */
export function blocks(source) {
  /** @type {string[][]} */
  const found = [];
  /** @type {string[]} */
  let block = [];
  let fence = "";
  let blank = false;
  const close = () => {
    if (block.length) found.push(block);
    block = [];
  };
  for (const line of source.replaceAll("\r\n", "\n").split("\n")) {
    const mark = FENCE.exec(line)?.[1] ?? "";
    if (fence) {
      block.push(line);
      if (mark.startsWith(fence)) {
        fence = "";
        close();
      }
    } else if (mark) {
      close();
      fence = mark;
      block = [line];
    } else if (!line.trim()) {
      blank = true;
    } else {
      if (begins(line, block, blank)) close();
      if (blank && block.length) block.push("");
      blank = false;
      block.push(line);
      if (HEADING.test(line)) close();
    }
  }
  close();
  return found.map((lines) => lines.join("\n"));
}

/**
 * Whether `line` starts a block of its own, given the one before it.
 * @param {string} line
 * @param {string[]} block
 * @param {boolean} blank  an empty line lies between
 */
function begins(line, block, blank) {
  const first = block[0];
  if (first === undefined) return false;
  const inList = ITEM.test(first);
  if (blank) return !(inList && (ITEM.test(line) || /^\s{2,}/.test(line)));
  if (HEADING.test(line)) return true;
  if (RULE.test(line)) return true;
  if (ITEM.test(line)) return !inList;
  return QUOTE.test(line) !== QUOTE.test(first) && !inList;
}

/**
 * @param {string} text  one of `blocks`
 * @param {boolean} [open]  it is the last one and still grows
 * @param {number} [depth]
 * @returns {Tree}
 */
export function block(text, open = false, depth = 0) {
  if (depth > DEEPEST) return { tag: "p", children: [text] };
  const lines = text.split("\n");
  const first = lines[0] ?? "";
  if (FENCE.test(first)) {
    const closed = lines.length > 1 && FENCE.test(lines.at(-1) ?? "");
    const code = lines.slice(1, closed ? -1 : undefined).join("\n");
    return { tag: "pre", children: [{ tag: "code", children: [code] }] };
  }
  const heading = HEADING.exec(first);
  if (heading) return { tag: "h3", children: inline(heading[2] ?? "", open) };
  if (RULE.test(first)) return { tag: "hr", children: [] };
  if (QUOTE.test(first)) {
    const inner = blocks(lines.map((line) => line.replace(QUOTE, "")).join("\n"));
    return { tag: "blockquote", children: nested(inner, open, depth) };
  }
  if (ITEM.test(first)) return list(lines, open, depth);
  if (first.includes("|") && DIVIDER.test(lines[1] ?? "") && lines[1]?.includes("-")) return table(lines, open);
  return { tag: "p", children: prose(lines, open) };
}

/**
 * @param {string[]} parts
 * @param {boolean} open
 * @param {number} depth  of what they stand in
 */
function nested(parts, open, depth) {
  return parts.map((part, at) => block(part, open && at === parts.length - 1, depth + 1));
}

/**
 * @param {string[]} lines
 * @param {boolean} open
 * @param {number} depth
 * @returns {Tree}
 */
function list(lines, open, depth) {
  const start = ITEM.exec(lines[0] ?? "");
  const indent = (start?.[1] ?? "").length;
  const number = /^\d+/.exec(start?.[2] ?? "")?.[0];
  /** @type {string[][]} */
  const items = [];
  for (const line of lines) {
    const item = ITEM.exec(line);
    if (item && (item[1] ?? "").length <= indent + 1) items.push([item[3] ?? ""]);
    else items.at(-1)?.push(line);
  }
  /** @type {Tree[]} */
  const children = items.map((item, at) => ({
    tag: "li",
    children: itemBody(item, open && at === items.length - 1, depth),
  }));
  if (!number) return { tag: "ul", children };
  return { tag: "ol", attributes: number === "1" ? {} : { start: number }, children };
}

/**
 * @param {string[]} lines
 * @param {boolean} open
 * @param {number} depth
 * @returns {Tree[]}
 */
function itemBody(lines, open, depth) {
  const begin = lines.findIndex((line, at) => at > 0 && (ITEM.test(line) || !line.trim()));
  if (begin < 0) return prose(lines, open);
  const rest = lines.slice(begin);
  const indent = Math.min(...rest.filter((line) => line.trim()).map((line) => line.search(/\S/)), 8);
  const inner = blocks(rest.map((line) => line.slice(Math.min(indent, line.length))).join("\n"));
  const parts = nested(inner, open, depth);
  return [...prose(lines.slice(0, begin), open && !parts.length), ...parts];
}

/**
 * @param {string[]} lines
 * @param {boolean} open
 * @returns {Tree}
 */
function table(lines, open) {
  const [head = "", , ...rows] = lines;
  /** @type {(line: string, tag: string, open: boolean) => Tree} */
  const row = (line, tag, open) => ({
    tag: "tr",
    children: cells(line).map((cell) => ({ tag, children: inline(cell, open) })),
  });
  const body = rows.map((line, at) => row(line, "td", open && at === rows.length - 1));
  return {
    tag: "table",
    children: [
      { tag: "thead", children: [row(head, "th", false)] },
      { tag: "tbody", children: body },
    ],
  };
}

/** @param {string} line */
function cells(line) {
  return line
    .trim()
    .replace(/^\||\|$/g, "")
    .split("|")
    .map((cell) => cell.trim());
}

/**
 * Lines of one paragraph: soft breaks are spaces, two spaces or a backslash at the end break the line.
 * @param {string[]} lines
 * @param {boolean} open
 * @returns {Tree[]}
 */
function prose(lines, open) {
  const text = lines
    .map((line) => line.trimStart())
    .join("\n")
    .replace(/( {2,}|\\)\n/g, "\u0000")
    .replaceAll("\n", " ");
  const parts = text.split("\u0000");
  return parts.flatMap((part, at) => [
    ...(at ? [{ tag: "br", children: [] }] : []),
    ...inline(part, open && at === parts.length - 1),
  ]);
}

/**
 * @param {string} text
 * @param {boolean} [open]  more may follow: unfinished marks are kept back
 * @param {number} [depth]
 * @returns {Tree[]}
 */
export function inline(text, open = false, depth = 0) {
  if (depth > DEEPEST) return [text];
  const source = open ? text.replace(HALF_MARK, "") : text;
  /** @type {Tree[]} */
  const out = [];
  let plain = "";
  const push = (/** @type {Tree} */ node) => {
    if (plain) out.push(plain);
    plain = "";
    out.push(node);
  };
  for (let at = 0; at < source.length; ) {
    const mark = markAt(source, at, open, depth);
    if (mark) {
      if (typeof mark.node === "string") plain += mark.node;
      else push(mark.node);
      at = mark.end;
    } else {
      plain += source[at];
      at += 1;
    }
  }
  if (plain) out.push(plain);
  return out;
}

/**
 * The mark that begins at `at`, and where it ends.
 * @param {string} text
 * @param {number} at
 * @param {boolean} open
 * @param {number} depth
 * @returns {{node: Tree, end: number} | null}
 */
function markAt(text, at, open, depth) {
  const rest = text.slice(at, at + 400);
  switch (text[at]) {
    case "\\": {
      const next = text[at + 1] ?? "";
      return /[!-/:-@[-`{-~]/.test(next) ? { node: next, end: at + 2 } : null;
    }
    case "`": {
      const ticks = /^`+/.exec(rest)?.[0] ?? "`";
      return span("code", text, at, ticks, open, (inner) => [inner.trim()]);
    }
    case "*":
    case "_": {
      const letter = /[\p{L}\p{N}]/u;
      if (text[at] === "_" && letter.test(text[at - 1] ?? "")) return null;
      const double = text[at + 1] === text[at];
      const mark = text.slice(at, at + (double ? 2 : 1));
      if (/\s/.test(text[at + mark.length] ?? " ")) return null;
      return span(double ? "strong" : "em", text, at, mark, open && double, (inner) => inline(inner, false, depth + 1));
    }
    case "[": {
      const cite = /^\[(\d{1,2})\](?!\()/.exec(rest);
      if (cite) {
        const number = cite[1] ?? "";
        return { node: { tag: "span", attributes: { class: "cite" }, children: [number] }, end: at + cite[0].length };
      }
      const link = /^\[([^\]\n]{1,200})\]\(([^)\s]*)\)/.exec(rest);
      if (!link) return null;
      const node = { tag: "span", attributes: { class: "link" }, children: [link[1] ?? ""] };
      return { node, end: at + link[0].length };
    }
    default:
      return null;
  }
}

/**
 * @param {string} tag
 * @param {string} text
 * @param {number} at
 * @param {string} mark
 * @param {boolean} open  no closing mark yet: it runs to the end
 * @param {(inner: string) => Tree[]} children
 * @returns {{node: Tree, end: number} | null}
 */
function span(tag, text, at, mark, open, children) {
  const from = at + mark.length;
  const end = text.indexOf(mark, from + 1);
  if (end < 0 && !(open && from < text.length)) return null;
  const inner = text.slice(from, end < 0 ? undefined : end);
  return { node: { tag, children: children(inner) }, end: end < 0 ? text.length : end + mark.length };
}

/**
 * @param {Tree} tree
 * @returns {Node}
 */
function build(tree) {
  if (typeof tree === "string") return document.createTextNode(tree);
  const element = document.createElement(tree.tag);
  for (const [name, value] of Object.entries(tree.attributes ?? {})) element.setAttribute(name, value);
  element.append(...tree.children.map(build));
  if (tree.tag !== "table") return element;
  const scroller = document.createElement("div");
  scroller.className = "scroller";
  scroller.append(element);
  return scroller;
}

/**
 * A finished text as nodes.
 * @param {string} source
 */
export function nodes(source) {
  return blocks(source).map((part) => build(block(part)));
}

/** Shows a growing text in `element`, touching only the blocks that changed. */
export class LiveMarkdown {
  /** @type {string[]} */
  #shown = [];

  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = element;
  }

  /** @param {string} source */
  update(source) {
    const parts = blocks(source);
    // The last block was drawn as open: it is always drawn again.
    let same = 0;
    while (same < this.#shown.length - 1 && same < parts.length - 1 && this.#shown[same] === parts[same]) same += 1;
    while (this.element.childNodes.length > same) this.element.lastChild?.remove();
    this.element.append(...parts.slice(same).map((part, at) => build(block(part, same + at === parts.length - 1))));
    this.#shown = parts;
  }
}
