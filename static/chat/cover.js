/**
 * Covers parts of a picture before it is sent. Boxes are drawn with the pointer, or added and moved with the keyboard;
 * "Done" paints them into a new picture, and only that one is ever sent: what is beneath stays in this page's memory.
 *
 * @typedef {import("./boxes.js").Box} Box
 * @typedef {{blob: Blob, boxes: readonly Box[], width: number, height: number}} Covered
 */

import { Boxes, between, middle, moved, resized } from "./boxes.js";
import { el, icon, set } from "./dom.js";

const SMALLEST_PX = 5; // on the screen: less was a click
const STEP_PX = 8; // on the screen, per press of an arrow
const ZOOMS = [1, 1.5, 2, 3, 4];
const CANVAS_PIXELS = 16_000_000; // what every browser can still draw on
const JPEG_QUALITIES = [0.92, 0.8]; // the second when the first is too large to send

const HELP = "Draw over what nobody should see.";
const KEYS = " By keyboard: add a box, move it with the arrows, size it with Shift and the arrows, take it away with Delete.";

export class CoverEditor {
  #image = el("img", { alt: "", draggable: "false" });
  #sheet = el("div", { class: "sheet" }, this.#image);
  #stage = el("div", { class: "stage" }, this.#sheet);
  #undo = button("undo-2", "Undo", () => this.#undoOne());
  #status = el("p", { class: "vh", role: "status" });
  #dialog;
  /** @type {Boxes} */
  #boxes = new Boxes();
  #zoom = 0;
  /** @type {((done: boolean) => void) | null} */
  #answer = null;
  /** @type {{begin: {x: number, y: number}, at: number, kind: "new" | "move" | "size", from: Box} | null} */
  #drag = null;

  constructor() {
    const add = button("plus", "Add a box", () => this.#add());
    const out = button("zoom-out", "Zoom out", () => this.#zoomBy(-1), true);
    const larger = button("zoom-in", "Zoom in", () => this.#zoomBy(1), true);
    const cancel = el("button", { type: "button", class: "textbtn", onclick: () => this.#close(false) }, "Cancel");
    const done = el("button", { type: "button", class: "textbtn primary", onclick: () => this.#close(true) }, "Done");
    this.#dialog = el(
      "dialog",
      { class: "cover", "aria-labelledby": "cover-title", "aria-describedby": "cover-help" },
      el("h2", { id: "cover-title" }, "Cover what is private"),
      el("p", { id: "cover-help" }, HELP, el("span", { class: "keys" }, KEYS)),
      this.#stage,
      el("div", { class: "tools" }, add, this.#undo, out, larger, el("span", { class: "choices" }, cancel, done)),
      this.#status,
    );
    document.body.append(this.#dialog);
    this.#dialog.addEventListener("close", () => this.#answer?.(false));
    this.#dialog.addEventListener("keydown", (event) => this.#key(event));
    this.#sheet.addEventListener("pointerdown", (event) => this.#press(event));
    this.#sheet.addEventListener("pointermove", (event) => this.#draw(event));
    for (const end of ["pointerup", "pointercancel"]) this.#sheet.addEventListener(end, () => this.#release());
    new ResizeObserver(() => this.#dialog.open && this.#lay()).observe(this.#stage);
  }

  /**
   * @param {Blob} blob  the picture without any box
   * @param {readonly Box[]} boxes  where it is covered already
   * @param {number} most  bytes that the result may have
   * @returns {Promise<Covered | null>} null when the customer left it as it was; throws what a canvas throws
   */
  async edit(blob, boxes, most) {
    const url = URL.createObjectURL(blob);
    try {
      this.#image.src = url;
      await this.#image.decode();
      this.#boxes = new Boxes(boxes);
      this.#zoom = 0;
      this.#dialog.showModal();
      this.#lay();
      this.#show();
      const done = await new Promise((resolve) => (this.#answer = resolve));
      this.#answer = null;
      if (!done) return null;
      const { naturalWidth: width, naturalHeight: height } = this.#image;
      if (!this.#boxes.now.length) return { blob, boxes: [], width, height };
      return { ...(await painted(this.#image, this.#boxes.now, blob.type, most)), boxes: this.#boxes.now };
    } finally {
      URL.revokeObjectURL(url);
      this.#image.removeAttribute("src");
    }
  }

  /** @param {boolean} done */
  #close(done) {
    this.#answer?.(done);
    this.#dialog.close();
  }

  get #picture() {
    return { width: this.#image.naturalWidth, height: this.#image.naturalHeight };
  }

  /** Pixels of the picture per pixel of the screen. */
  get #scale() {
    return this.#picture.width / (this.#sheet.clientWidth || 1);
  }

  #lay() {
    const { width, height } = this.#picture;
    const fits = Math.min(this.#stage.clientWidth / width, this.#stage.clientHeight / height, 1);
    const scale = fits * (ZOOMS[this.#zoom] ?? 1);
    this.#sheet.style.width = `${Math.floor(width * scale)}px`;
    this.#sheet.style.height = `${Math.floor(height * scale)}px`;
  }

  /** @param {number} by */
  #zoomBy(by) {
    this.#zoom = Math.min(Math.max(this.#zoom + by, 0), ZOOMS.length - 1);
    this.#lay();
  }

  #add() {
    this.#boxes.add(middle(this.#picture));
    this.#show();
    this.#focus(this.#boxes.now.length - 1);
  }

  #undoOne() {
    this.#boxes.undo();
    this.#show();
    this.#say(`Undone. ${count(this.#boxes.now.length)}.`);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
      event.preventDefault();
      this.#undoOne();
      return;
    }
    const at = this.#drawn().findIndex((box) => box === event.target);
    const box = this.#boxes.now[at];
    if (!box) return;
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (arrow) {
      const [dx = 0, dy = 0] = arrow.map((direction) => direction * Math.max(1, STEP_PX * this.#scale));
      this.#boxes.replace(at, (event.shiftKey ? resized : moved)(box, dx, dy, this.#picture));
      this.#show();
      this.#tell(at);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.#boxes.remove(at);
      this.#show();
      this.#focus(Math.min(at, this.#boxes.now.length - 1));
      this.#say(`Box taken away. ${count(this.#boxes.now.length)}.`);
    } else return;
    event.preventDefault();
  }

  /** @param {PointerEvent} event */
  #press(event) {
    if (event.button !== 0 || !event.isPrimary || !(event.target instanceof Element)) return;
    event.preventDefault();
    const at = this.#drawn().findIndex((box) => box.contains(/** @type {Element} */ (event.target)));
    const begin = this.#point(event);
    const from = this.#boxes.now[at] ?? between(begin, begin, this.#picture);
    const kind = at < 0 ? "new" : event.target.classList.contains("grip") ? "size" : "move";
    this.#drag = { begin, at: at < 0 ? this.#boxes.now.length : at, kind, from };
    if (at >= 0) this.#focus(at);
    this.#sheet.setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  #draw(event) {
    if (!this.#drag) return;
    const { begin, at, kind, from } = this.#drag;
    const now = this.#point(event);
    const [dx, dy] = [now.x - begin.x, now.y - begin.y];
    const change = { new: () => between(begin, now, this.#picture), move: () => moved(from, dx, dy, this.#picture), size: () => resized(from, dx, dy, this.#picture) };
    this.#place(this.#drawn()[at] ?? this.#sheet.appendChild(boxElement(at)), change[kind]());
  }

  #release() {
    if (!this.#drag) return;
    const { at, kind } = this.#drag;
    this.#drag = null;
    const drawn = this.#drawn()[at];
    const box = drawn && this.#read(drawn);
    const least = SMALLEST_PX * this.#scale;
    if (box && kind === "new" && box.width >= least && box.height >= least) this.#boxes.add(box);
    else if (box && kind !== "new") this.#boxes.replace(at, box);
    this.#show();
    if (this.#boxes.now[at]) this.#focus(at);
  }

  /** @param {PointerEvent} event @returns {{x: number, y: number}} in the picture's pixels */
  #point(event) {
    const { left, top } = this.#sheet.getBoundingClientRect();
    return { x: (event.clientX - left) * this.#scale, y: (event.clientY - top) * this.#scale };
  }

  #drawn() {
    return /** @type {HTMLElement[]} */ (Array.from(this.#sheet.querySelectorAll(".box")));
  }

  #show() {
    const boxes = this.#boxes.now;
    const drawn = this.#drawn();
    drawn.slice(boxes.length).forEach((element) => element.remove());
    boxes.forEach((box, at) => {
      const element = drawn[at] ?? this.#sheet.appendChild(boxElement(at));
      set(element, "aria-label", `Covered part ${at + 1} of ${boxes.length}`);
      this.#place(element, box);
    });
    set(this.#undo, "aria-disabled", this.#boxes.canUndo ? null : "true");
  }

  /** @param {HTMLElement} element @param {Box} box */
  #place(element, box) {
    const { width, height } = this.#picture;
    element.dataset.box = JSON.stringify(box);
    element.style.left = `${(100 * box.x) / width}%`;
    element.style.top = `${(100 * box.y) / height}%`;
    element.style.width = `${(100 * box.width) / width}%`;
    element.style.height = `${(100 * box.height) / height}%`;
  }

  /** @param {HTMLElement} element @returns {Box} */
  #read(element) {
    return JSON.parse(element.dataset.box ?? "{}");
  }

  /** @param {number} at */
  #focus(at) {
    const box = this.#drawn()[at];
    if (box) box.focus({ preventScroll: true });
    else this.#dialog.querySelector("button")?.focus();
  }

  /** @param {number} at */
  #tell(at) {
    const box = this.#boxes.now[at];
    if (box) this.#say(`${box.x} from the left, ${box.y} from the top, ${box.width} wide, ${box.height} high`);
  }

  /** @param {string} words */
  #say(words) {
    this.#status.textContent = words;
  }
}

/**
 * The picture with its boxes as black pixels: encoded anew, so that nothing of what was there is left.
 * @param {HTMLImageElement} image
 * @param {readonly Box[]} boxes
 * @param {string} type  MIME type of the original
 * @param {number} most  bytes
 * @returns {Promise<{blob: Blob, width: number, height: number}>}
 */
async function painted(image, boxes, type, most) {
  const { naturalWidth, naturalHeight } = image;
  const scale = Math.min(1, Math.sqrt(CANVAS_PIXELS / (naturalWidth * naturalHeight)));
  const canvas = el("canvas", { width: Math.floor(naturalWidth * scale), height: Math.floor(naturalHeight * scale) });
  const context = canvas.getContext("2d");
  if (!context) throw new Error("no canvas");
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  context.fillStyle = "#000";
  for (const { x, y, width, height } of boxes) {
    const [left, top] = [Math.floor(x * scale), Math.floor(y * scale)];
    const [right, bottom] = [Math.ceil((x + width) * scale), Math.ceil((y + height) * scale)];
    context.fillRect(left, top, right - left, bottom - top);
  }
  const ways = JPEG_QUALITIES.map((quality) => ({ format: "image/jpeg", quality }));
  if (type !== "image/jpeg") ways.unshift({ format: "image/png", quality: 1 });
  for (const { format, quality } of ways) {
    /** @type {Blob | null} */
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, format, quality));
    if (blob && blob.size <= most) return { blob, width: canvas.width, height: canvas.height };
  }
  throw new Error("no picture that can be sent came out of the canvas");
}

/** @param {number} at */
function boxElement(at) {
  const element = el("button", { type: "button", class: "box", "aria-describedby": "cover-help" }, el("span", { class: "grip" }));
  set(element, "aria-label", `Covered part ${at + 1}`);
  return element;
}

/** @param {number} boxes */
function count(boxes) {
  return boxes === 1 ? "1 box" : `${boxes} boxes`;
}

/**
 * @param {string} symbol
 * @param {string} words
 * @param {() => void} act
 * @param {boolean} [bare]  only the symbol
 */
function button(symbol, words, act, bare = false) {
  if (bare) return el("button", { type: "button", class: "iconbtn", "aria-label": words, title: words, onclick: act }, icon(symbol));
  return el("button", { type: "button", class: "textbtn", onclick: act }, icon(symbol), words);
}
