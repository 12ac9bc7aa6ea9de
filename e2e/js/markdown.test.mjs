import assert from "node:assert/strict";
import { test } from "node:test";
import { block, blocks, inline } from "../../static/chat/markdown-live.js";

/** The tree as readable text: `p(Press strong(Save))`. */
function shape(tree) {
  if (typeof tree === "string") return tree;
  const name = tree.tag + (tree.attributes?.start ? tree.attributes.start : "");
  return `${name}(${tree.children.map(shape).join("")})`;
}
const whole = (source, open = false) => blocks(source).map((part) => shape(block(part, open))).join(" ");
const line = (source, open = false) => inline(source, open).map(shape).join("");

test("paragraphs, headings, rules, quotes and code become blocks of their own", () => {
  assert.equal(whole("One\ntwo\n\nThree"), "p(One two) p(Three)");
  assert.equal(whole("# Title\nText"), "h3(Title) p(Text)");
  assert.equal(whole("a\n\n---\n\nb"), "p(a) hr() p(b)");
  assert.equal(whole("> wise\n> words"), "blockquote(p(wise words))");
  assert.equal(whole("```py\na = 1\n\nb\n```\nafter"), "pre(code(a = 1\n\nb)) p(after)");
  assert.equal(whole("line  \nnext"), "p(linebr()next)");
});

test("lists nest, may be loose, and keep their first number", () => {
  assert.equal(whole("Steps:\n1. one\n2. two"), "p(Steps:) ol(li(one)li(two))");
  assert.equal(whole("- a\n  - b\n- c"), "ul(li(aul(li(b)))li(c))");
  assert.equal(whole("1. one\n\n2. two\n\nafter"), "ol(li(one)li(two)) p(after)");
  assert.equal(whole("3. three"), "ol3(li(three))");
});

test("a table has a head and rows", () => {
  const source = "| Plan | Price |\n|---|--:|\n| Starter | **€9** |";
  const head = "thead(tr(th(Plan)th(Price)))";
  assert.equal(whole(source), `table(${head}tbody(tr(td(Starter)td(strong(€9)))))`);
});

test("marks in a line: strong, em, code, citations, links without an address, escapes", () => {
  assert.equal(line("**a** *b* `c` [1]"), "strong(a) em(b) code(c) span(1)");
  assert.equal(line("see [the guide](https://evil.example) now"), "see span(the guide) now");
  assert.equal(line("snake_case_name 2*3*4"), "snake_case_name 2em(3)4");
  assert.equal(line("\\*not\\* \\[1\\]"), "*not* [1]");
  assert.equal(line("5 * 6 < 7 & **"), "5 * 6 < 7 & **");
});

test("while it grows, half a mark is kept back and an open one runs to the end", () => {
  assert.equal(line("Press **Sa", true), "Press strong(Sa)");
  assert.equal(line("Press **Save*", true), "Press strong(Save)");
  assert.equal(line("Press *", true), "Press ");
  assert.equal(line("so it is.[1", true), "so it is.");
  assert.equal(line("Run `make", true), "Run code(make)");
});

test("markup in a model's words stays words", () => {
  const attack = '<img src=x onerror=alert(1)> <script>x</script> [x](javascript:alert(1))';
  const trees = blocks(attack).map((part) => block(part));
  assert.equal(shape(trees[0]), 'p(<img src=x onerror=alert(1)> <script>x</script> span(x)))');
  const tags = new Set();
  const walk = (tree) => typeof tree !== "string" && (tags.add(tree.tag), tree.children.forEach(walk));
  trees.forEach(walk);
  assert.deepEqual([...tags], ["p", "span"]);
});

test("any prefix of any text is shown without an error, and in bounded time", () => {
  const source = "# T\n\n1. **a** `b`\n   - c [1]\n\n| x |\n|---|\n| *y* |\n\n```\nz\n```\n> q\n\n👩‍👩‍👧 _e_ [l](u)";
  for (let end = 0; end <= source.length; end += 1) whole(source.slice(0, end), true);
  const begun = performance.now();
  for (const piece of ["*", "**a", "[", "`", "> ", "- ", "|", "\n\n", "_a_", "  - x\n"]) whole(piece.repeat(4000), true);
  assert.ok(performance.now() - begun < 5000, `${performance.now() - begun} ms`);
});
