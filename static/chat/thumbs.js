/**
 * A row of small pictures, each a button that opens it large. The first ones stay in place when others come or go: an
 * unsent picture becomes the stored one without a flicker.
 *
 * @typedef {object} Shown
 * @property {string} small        address of the small picture; "" when there is nothing to show
 * @property {string} large
 * @property {string} name
 * @property {string} description  what it shows, as far as somebody knows
 * @property {number} width        in pixels; 0 when unknown
 * @property {number} height
 *
 * @typedef {Shown & {share?: number | null, trouble?: boolean, remove?: () => void}} Thumb
 *   `share`: of its bytes that are on the server, 0 to 1, while it is under way
 */

import { el, icon, set } from "./dom.js";

const AGAIN_MS = 10_000; // a small picture that did not come is asked for again

export class Thumbs {
  element = el("ul", { class: "thumbs" });
  /** @type {Slot[]} */
  #slots = [];
  #open;

  /** @param {(pictures: readonly Shown[], at: number) => void} open */
  constructor(open) {
    this.#open = open;
  }

  /** @param {readonly Thumb[]} thumbs */
  update(thumbs) {
    while (this.#slots.length > thumbs.length) this.#slots.pop()?.element.remove();
    thumbs.forEach((thumb, at) => {
      const slot = (this.#slots[at] ??= new Slot());
      slot.update(thumb, thumbs.length > 1 ? `picture ${at + 1} of ${thumbs.length}` : "picture", () => this.#open(thumbs, at));
      if (!slot.element.isConnected) this.element.append(slot.element);
    });
    this.element.hidden = !thumbs.length;
    set(this.element, "data-count", thumbs.length);
  }
}

class Slot {
  #image = el("img", { alt: "", decoding: "async" });
  #none = el("span", { class: "none" });
  #open = el("button", { type: "button", class: "thumb", onclick: () => this.#act() }, this.#image, this.#none);
  #bar = el("progress", { max: 1 });
  #remove = el("button", { type: "button", class: "thumb-remove", onclick: () => this.#drop?.() }, icon("x"));
  element = el("li", {}, this.#open, this.#bar, this.#remove);
  /** @type {() => void} */
  #act = () => {};
  /** @type {(() => void) | undefined} */
  #drop;
  #broken = { address: "", until: 0 };

  constructor() {
    this.#image.addEventListener("error", () => {
      this.#broken = { address: this.#image.getAttribute("src") ?? "", until: Date.now() + AGAIN_MS };
      this.#show("");
    });
  }

  /** @param {Thumb} thumb @param {string} place @param {() => void} act */
  update({ small, name, description, width, height, share, trouble, remove }, place, act) {
    this.#act = act;
    this.#drop = remove;
    const shown = small === this.#broken.address && Date.now() < this.#broken.until ? "" : small;
    this.#show(shown, name);
    set(this.#open, "aria-label", [`Open ${place}`, name, description].filter(Boolean).join(": "));
    set(this.#open, "aria-disabled", shown ? null : "true");
    if (width && height) this.element.style.setProperty("--shape", `${width} / ${height}`);
    else this.element.style.removeProperty("--shape");
    this.element.classList.toggle("trouble", Boolean(trouble));
    this.#bar.hidden = share === undefined || share === null;
    if (share === 1) this.#bar.removeAttribute("value"); // sent; the server is looking at it
    else if (typeof share === "number") this.#bar.value = share;
    set(this.#bar, "aria-label", `Sending ${place}`);
    this.#remove.hidden = !remove;
    set(this.#remove, "aria-label", `Remove ${place}`);
    set(this.#remove, "title", "Remove this picture");
  }

  /** @param {string} address @param {string} [name] */
  #show(address, name = "") {
    if (address && (this.#image.hidden || this.#image.getAttribute("src") !== address)) this.#image.src = address;
    this.#image.hidden = !address;
    this.#none.hidden = Boolean(address);
    if (!address) {
      const type = /\.(heic|heif)$/i.test(name) ? "HEIC" : "";
      this.#none.replaceChildren(icon(type ? "image" : "image-off"), type || "No preview");
    }
  }
}
