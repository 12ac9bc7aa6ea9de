/**
 * A picture, large: + and − zoom, 0 fits it to the window, the arrows go to the next picture or, zoomed in, across this
 * one. Esc closes, and the focus goes back to where it was.
 *
 * @typedef {import("./thumbs.js").Shown} Shown
 */

import { el, icon, set } from "./dom.js";

const STEPS = [1, 1.5, 2, 3, 4, 6, 8]; // times the size that fits

export class Lightbox {
  #image = el("img", { alt: "", draggable: "false" });
  #stage = el("div", { class: "stage", tabindex: 0, role: "group", autofocus: true }, this.#image);
  #title = el("h2", { id: "lightbox-title", dir: "auto" });
  #share = el("span", { class: "share", role: "status" });
  #out = tool("zoom-out", "Zoom out", () => this.#zoom(-1));
  #in = tool("zoom-in", "Zoom in", () => this.#zoom(1));
  #fit = tool("maximize", "Fit to the window", () => this.#zoom(0));
  #before = tool("chevron-left", "Previous picture", () => this.#go(-1), "turn before");
  #after = tool("chevron-right", "Next picture", () => this.#go(1), "turn after");
  #dialog;
  /** @type {readonly Shown[]} */
  #pictures = [];
  #at = 0;
  #step = 0;
  /** @type {{x: number, y: number} | null} */
  #held = null;

  constructor() {
    const close = tool("x", "Close picture", () => this.#dialog.close());
    const bar = el("header", {}, this.#title, this.#out, this.#share, this.#in, this.#fit, close);
    this.#dialog = el("dialog", { class: "lightbox", "aria-labelledby": "lightbox-title" }, bar, this.#stage, this.#before, this.#after);
    document.body.append(this.#dialog);
    this.#dialog.addEventListener("keydown", (event) => this.#key(event));
    this.#image.addEventListener("load", () => this.#lay());
    this.#image.addEventListener("dblclick", () => this.#zoom(this.#step ? 0 : 2));
    this.#stage.addEventListener("click", (event) => event.target === this.#stage && this.#dialog.close());
    this.#stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.#stage.addEventListener("pointerdown", (event) => this.#grab(event));
    this.#stage.addEventListener("pointermove", (event) => this.#pull(event));
    for (const end of ["pointerup", "pointercancel"]) this.#stage.addEventListener(end, () => (this.#held = null));
    new ResizeObserver(() => this.#dialog.open && this.#lay()).observe(this.#stage);
  }

  /** @param {readonly Shown[]} pictures @param {number} at */
  open(pictures, at) {
    const wanted = pictures[at];
    if (!wanted?.large) return;
    this.#pictures = pictures.filter(({ large }) => large);
    this.#at = this.#pictures.indexOf(wanted);
    this.#dialog.showModal();
    this.#show();
  }

  #show() {
    const picture = this.#pictures[this.#at];
    if (!picture) return;
    const { large, name, description } = picture;
    const many = this.#pictures.length;
    this.#step = 0;
    this.#image.src = large;
    this.#image.alt = description || name || "Picture";
    this.#title.textContent = [name || "Picture", many > 1 && `${this.#at + 1} of ${many}`].filter(Boolean).join(" · ");
    set(this.#stage, "aria-label", this.#title.textContent);
    this.#before.hidden = this.#after.hidden = many < 2;
    set(this.#before, "aria-disabled", this.#at === 0 ? "true" : null);
    set(this.#after, "aria-disabled", this.#at === many - 1 ? "true" : null);
    this.#lay();
  }

  /** @param {number} by */
  #go(by) {
    const next = this.#at + by;
    if (!this.#pictures[next]) return;
    this.#at = next;
    this.#show();
  }

  /**
   * One step in or out, or 0 to fit; `point` of the window stays where it is.
   * @param {number} by
   * @param {{clientX: number, clientY: number}} [point]
   */
  #zoom(by, point) {
    const step = by === 0 ? 0 : Math.min(Math.max(this.#step + by, 0), STEPS.length - 1);
    if (step === this.#step) return;
    const box = this.#stage.getBoundingClientRect();
    const { clientX, clientY } = point ?? { clientX: box.left + box.width / 2, clientY: box.top + box.height / 2 };
    const before = this.#image.getBoundingClientRect();
    this.#step = step;
    this.#lay();
    const after = this.#image.getBoundingClientRect();
    const across = before.width ? (clientX - before.left) / before.width : 0.5;
    const down = before.height ? (clientY - before.top) / before.height : 0.5;
    this.#stage.scrollBy(after.left + across * after.width - clientX, after.top + down * after.height - clientY);
  }

  /** Gives the picture its size; unzoomed it fits and is never larger than it is. */
  #lay() {
    const { naturalWidth, naturalHeight } = this.#image;
    const { clientWidth, clientHeight } = this.#stage;
    if (!naturalWidth || !clientWidth) return;
    const fits = Math.min(clientWidth / naturalWidth, clientHeight / naturalHeight, 1);
    const scale = fits * (STEPS[this.#step] ?? 1);
    this.#image.style.width = `${Math.floor(naturalWidth * scale)}px`;
    this.#image.style.height = `${Math.floor(naturalHeight * scale)}px`;
    this.#share.textContent = `${Math.round(scale * 100)} %`;
    this.#stage.classList.toggle("zoomed", this.#step > 0);
    set(this.#out, "aria-disabled", this.#step === 0 ? "true" : null);
    set(this.#fit, "aria-disabled", this.#step === 0 ? "true" : null);
    set(this.#in, "aria-disabled", this.#step === STEPS.length - 1 ? "true" : null);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const zoom = { "+": 1, "=": 1, "-": -1, 0: 0 }[event.key];
    const turn = this.#step === 0 ? { ArrowLeft: -1, ArrowRight: 1 }[event.key] : undefined;
    if (zoom !== undefined) this.#zoom(zoom);
    else if (turn) this.#go(turn);
    else return;
    event.preventDefault();
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    if (!event.ctrlKey && this.#step > 0) return; // scrolls
    event.preventDefault();
    this.#zoom(event.deltaY < 0 ? 1 : -1, event);
  }

  /** A mouse pulls the zoomed picture along; fingers scroll by themselves. @param {PointerEvent} event */
  #grab(event) {
    if (event.pointerType !== "mouse" || event.button !== 0 || this.#step === 0) return;
    this.#held = { x: event.clientX, y: event.clientY };
    this.#stage.setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  #pull(event) {
    if (!this.#held) return;
    this.#stage.scrollBy(this.#held.x - event.clientX, this.#held.y - event.clientY);
    this.#held = { x: event.clientX, y: event.clientY };
  }
}

/**
 * @param {string} symbol
 * @param {string} label
 * @param {() => void} act
 * @param {string} [extra]
 */
function tool(symbol, label, act, extra = "") {
  return el("button", { type: "button", class: `iconbtn ${extra}`, "aria-label": label, title: label, onclick: act }, icon(symbol));
}
