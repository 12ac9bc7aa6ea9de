/** Building DOM nodes: the only ways in which this page makes elements. */

/**
 * @typedef {string | number | boolean | null | undefined | ((event: any) => void)} Value
 * @typedef {Node | string | null | undefined | false} Child
 */

/**
 * `el("button", {class: "chip", onclick: send}, "Send")`; null and false leave an attribute or a child out.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, Value>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else set(element, name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {string | number | boolean | null | undefined} value  true: present and empty; false, null: absent
 */
export function set(element, name, value) {
  if (value === false || value === null || value === undefined) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? "" : String(value));
}

/**
 * A symbol of the sprite, hidden from screen readers.
 * @param {string} name
 */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${document.body.dataset.icons}#${name}`);
  svg.setAttribute("class", "i");
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

/**
 * An element the template promises.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @param {new () => T} [type]
 * @returns {T}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (!element || (type && !(element instanceof type))) throw new Error(`the page has no #${id}`);
  return /** @type {T} */ (element);
}

/**
 * The server's html as nodes. It was sanitised there; here is the only place that parses it.
 * Tables get a scroller, markers become buttons, links to elsewhere open in their own tab.
 * @param {string} html
 * @returns {DocumentFragment}
 */
export function fromServer(html) {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  const fragment = document.createDocumentFragment();
  fragment.append(...Array.from(parsed.body.childNodes, (node) => document.importNode(node, true)));
  for (const table of fragment.querySelectorAll("table")) {
    const scroller = el("div", { class: "scroller", role: "region", tabindex: 0, "aria-label": "Table" });
    table.replaceWith(scroller);
    scroller.append(table);
  }
  for (const marker of fragment.querySelectorAll("a.cite")) {
    const number = marker.getAttribute("data-source") ?? "";
    const button = el("button", { type: "button", class: "cite", "data-source": number, "aria-haspopup": "dialog" });
    button.append(marker.textContent ?? number);
    marker.replaceWith(button);
    joinToWord(button);
  }
  for (const link of fragment.querySelectorAll("a[href]")) {
    if (!(link instanceof HTMLAnchorElement) || link.origin === location.origin) continue;
    link.target = "_blank";
    link.rel = "noopener nofollow";
  }
  return fragment;
}

/**
 * A marker never begins a line: it stays with the word before it, or with the marker before it.
 * @param {HTMLElement} marker
 */
function joinToWord(marker) {
  const before = marker.previousSibling;
  if (before instanceof HTMLElement && before.className === "whole") {
    before.append(marker);
  } else if (before instanceof Text) {
    before.data = before.data.trimEnd();
    const word = /\S{1,24}$/.exec(before.data)?.[0] ?? "";
    const tail = before.splitText(before.data.length - word.length);
    const whole = el("span", { class: "whole" });
    tail.replaceWith(whole);
    whole.append(tail, marker);
  }
}
