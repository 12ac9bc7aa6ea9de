/**
 * The pictures in the composer: chosen, pasted, dropped or taken with the camera; looked at, covered or removed. None of
 * their bytes leave the browser before the message is sent, so that what is covered first is never sent at all.
 *
 * @typedef {import("./pictures.js").Picture} Picture
 * @typedef {import("./pictures.js").Limits} Limits
 * @typedef {{picture: Picture, covered: {original: Blob, boxes: readonly import("./boxes.js").Box[]} | null}} Kept
 *
 * @typedef {object} TrayDesk
 * @property {(pictures: readonly import("./thumbs.js").Shown[], at: number) => void} openPictures
 * @property {(blob: Blob, boxes: readonly import("./boxes.js").Box[], most: number) =>
 *   Promise<import("./cover.js").Covered | null>} cover
 * @property {(text: string) => void} say    to a screen reader
 * @property {() => void} changed
 * @property {() => void} focus              to the field: a button with the focus has gone
 */

import { byId, el, icon, set } from "./dom.js";
import { HEADER_BYTES, mimeType, refusal, sniff, tooMany } from "./pictures.js";
import { uuid } from "./protocol.js";

const KEY = "joblynk.tray";

export class Tray {
  #tray = byId("tray");
  #list = el("ul", {});
  #offer = el("div", { class: "offer", hidden: true });
  #trouble = el("div", { class: "trouble", hidden: true });
  #note = el("p", { class: "note" }, "Pictures leave this device only when you press Send. ", icon("eye-off"), " covers what is private.");
  /** @type {Kept[]} */
  #kept = [];
  #reading = 0;
  /** @type {Promise<void>} */
  #work = Promise.resolve();
  #store;
  #bytes;
  #desk;
  #limits;

  /**
   * @param {import("./storage.js").Store} store
   * @param {import("./picture-store.js").PictureStore} bytes
   * @param {Limits} limits
   * @param {TrayDesk} desk
   */
  constructor(store, bytes, limits, desk) {
    this.#store = store;
    this.#bytes = bytes;
    this.#limits = limits;
    this.#desk = desk;
    this.#tray.append(this.#offer, this.#trouble, this.#list, this.#note);
    this.#then(() => this.#restore());
    this.#draw();
  }

  get count() {
    return this.#kept.length;
  }

  /** Pictures are still being looked at. */
  get busy() {
    return this.#reading > 0;
  }

  /** @returns {Promise<void>} when everything that was added is in the tray or refused */
  settled() {
    return this.#work;
  }

  /** @param {Iterable<File>} files */
  add(files) {
    const all = Array.from(files);
    this.#reading += 1;
    this.#then(async () => {
      const refused = [];
      try {
        for (const file of all) refused.push(await this.#take(file));
      } finally {
        this.#reading -= 1;
      }
      this.#offer.hidden = true;
      this.#refuse([...new Set(refused.filter(Boolean))]);
      this.#keep();
    });
  }

  /**
   * The pictures, for a message that is being sent; the tray is empty then.
   * @returns {Picture[]}
   */
  take() {
    const pictures = this.#kept.map(({ picture }) => picture);
    this.#kept = [];
    this.#offer.hidden = true;
    this.#refuse([]);
    this.#keep();
    return pictures;
  }

  clear() {
    for (const { key } of this.take()) this.#bytes.drop(key);
  }

  /** Invites to show a picture. @param {() => void} choose @param {(() => void) | null} shoot */
  invite(choose, shoot) {
    const close = el("button", { type: "button", class: "iconbtn", "aria-label": "Not now", title: "Not now", onclick: () => this.#decline() }, icon("x"));
    const how = shoot ? "Show me the error: a screenshot or a photo." : "Show me the error: paste a screenshot here, drop it, or choose one.";
    const chip = (/** @type {string} */ symbol, /** @type {string} */ text, /** @type {() => void} */ act) =>
      el("button", { type: "button", class: "chip", onclick: act }, icon(symbol), text);
    const ways = [chip("image-plus", "Choose a picture", choose), ...(shoot ? [chip("camera", "Take a photo", shoot)] : [])];
    this.#offer.replaceChildren(el("p", {}, how), ...ways, close);
    this.#offer.hidden = this.#kept.length > 0;
    this.#draw();
  }

  #decline() {
    this.#offer.hidden = true;
    this.#desk.focus();
    this.#draw();
  }

  /** After a reload. */
  async #restore() {
    const pictures = stored(this.#store.get(KEY));
    await this.#bytes.restore(pictures.map(({ key }) => key));
    const here = pictures.filter(({ key }) => this.#bytes.blob(key));
    this.#kept = here.map((picture) => ({ picture, covered: null }));
    const lost = pictures.length - here.length;
    if (lost) this.#refuse([`${lost === 1 ? "A picture was" : `${lost} pictures were`} lost with the reload. Please add ${lost === 1 ? "it" : "them"} again.`]);
    this.#keep();
  }

  /** @param {File} file @returns {Promise<string>} why it was refused, or "" */
  async #take(file) {
    if (this.#kept.length >= this.#limits.count) return tooMany(this.#limits.count);
    /** @type {ArrayBuffer} */
    let bytes;
    try {
      // A copy: the file may change, or be taken away by the phone, before it is sent.
      bytes = await (file.size > this.#limits.bytes ? file.slice(0, HEADER_BYTES) : file).arrayBuffer();
    } catch {
      return `“${file.name}” can’t be opened. Is it still there?`;
    }
    const header = sniff(new Uint8Array(bytes, 0, Math.min(bytes.byteLength, HEADER_BYTES)));
    const words = refusal(file, header, this.#limits);
    if (words || !header) return words;
    const key = uuid();
    this.#bytes.put(key, new Blob([bytes], { type: mimeType(header.kind) }));
    const size = await sizeOf(this.#bytes.url(key));
    if (!size && header.kind !== "heic") {
      this.#bytes.drop(key);
      return `“${file.name}” is damaged or incomplete. Save it again and add the new copy.`;
    }
    this.#kept.push({ picture: { key, name: file.name, width: 0, height: 0, ...size }, covered: null });
    this.#desk.say(`Picture added: ${file.name}`);
    return "";
  }

  /** @param {string} key */
  #remove(key) {
    const at = this.#kept.findIndex(({ picture }) => picture.key === key);
    this.#kept.splice(at, 1);
    this.#bytes.drop(key);
    this.#refuse([]);
    this.#keep();
    this.#desk.say("Picture removed");
    const next = this.#list.children[Math.min(at, this.#kept.length - 1)]?.querySelector(".remove");
    if (next instanceof HTMLElement) next.focus();
    else this.#desk.focus();
  }

  /** @param {string} key */
  async #cover(key) {
    const kept = this.#kept.find(({ picture }) => picture.key === key);
    const now = this.#bytes.blob(key);
    if (!kept || !now) return;
    const { original, boxes } = kept.covered ?? { original: now, boxes: [] };
    try {
      const covered = await this.#desk.cover(original, boxes, this.#limits.bytes);
      if (!covered || !this.#kept.includes(kept)) return;
      // Under a key of its own: a reload in this moment loses the covered picture, and never brings back the other.
      const { blob, width, height } = covered;
      kept.picture = { ...kept.picture, key: uuid(), width, height };
      kept.covered = covered.boxes.length ? { original, boxes: covered.boxes } : null;
      this.#bytes.put(kept.picture.key, blob);
      this.#bytes.drop(key);
      this.#desk.say(covered.boxes.length ? "Covered" : "Nothing is covered");
    } catch {
      this.#refuse(["This picture could not be covered here. Remove it if it shows anything private."]);
    }
    this.#keep();
  }

  #keep() {
    const pictures = this.#kept.map(({ picture }) => picture);
    if (pictures.length) this.#store.set(KEY, JSON.stringify(pictures));
    else this.#store.remove(KEY);
    this.#draw();
    this.#desk.changed();
  }

  /** @param {readonly string[]} words */
  #refuse(words) {
    const close = el("button", { type: "button", class: "iconbtn", "aria-label": "Close this message", onclick: () => this.#hideTrouble() }, icon("x"));
    this.#trouble.replaceChildren(icon("circle-alert"), el("div", {}, ...words.map((text) => el("p", { dir: "auto" }, text))), close);
    this.#trouble.hidden = !words.length;
    for (const text of words) this.#desk.say(text);
  }

  #hideTrouble() {
    this.#trouble.hidden = true;
    this.#desk.focus();
    this.#draw();
  }

  /** One after the other: pictures stay in the order in which they came. @param {() => Promise<void>} act */
  #then(act) {
    this.#work = this.#work.then(act).catch(() => {
      this.#refuse(["Something went wrong with that picture. Please add it again."]);
      this.#keep();
    });
  }

  #draw() {
    const buttons = () => Array.from(this.#list.querySelectorAll("button"));
    const focused = buttons().findIndex((button) => button === document.activeElement);
    const shown = this.#kept.map(({ picture }) => this.#shown(picture));
    this.#list.replaceChildren(...this.#kept.map((kept, at) => this.#tile(kept, at, shown)));
    buttons()[focused]?.focus();
    this.#note.hidden = this.#list.hidden = !this.#kept.length;
    this.#tray.hidden = !this.#kept.length && this.#offer.hidden && this.#trouble.hidden;
  }

  /** @param {Picture} picture */
  #shown({ key, name, width, height }) {
    const url = width ? this.#bytes.url(key) : "";
    return { small: url, large: url, name, description: "", width, height };
  }

  /** @param {Kept} kept @param {number} at @param {readonly import("./thumbs.js").Shown[]} all */
  #tile({ picture, covered }, at, all) {
    const { key, name, width } = picture;
    const place = all.length > 1 ? `picture ${at + 1} of ${all.length}` : "picture";
    const url = this.#bytes.url(key);
    const image = width
      ? el("button", { type: "button", class: "thumb", "aria-label": `Open ${place}: ${name}`, onclick: () => this.#desk.openPictures(all, at) }, el("img", { src: url, alt: "" }))
      : el("span", { class: "thumb none", title: "This browser cannot show HEIC pictures; they can be sent all the same." }, icon("image"), "HEIC");
    const why = "This browser cannot show this picture, so it cannot be covered here.";
    const cover = el("button", { type: "button", class: "tool cover-button", "aria-label": `Cover parts of ${place}${width ? "" : `. ${why}`}`, title: width ? "Cover parts" : why, onclick: () => (width ? void this.#cover(key) : this.#refuse([why])) }, icon("eye-off"));
    set(cover, "aria-disabled", width ? null : "true");
    const remove = el("button", { type: "button", class: "tool remove", "aria-label": `Remove ${place}: ${name}`, title: "Remove", onclick: () => this.#remove(key) }, icon("trash-2"));
    return el("li", {}, image, el("div", { class: "tools" }, cover, remove), covered && el("span", { class: "badge" }, "Covered"));
  }
}

/**
 * Its size where this browser can show it.
 * @param {string} url
 */
async function sizeOf(url) {
  const image = el("img", { src: url });
  try {
    await image.decode();
    return { width: image.naturalWidth, height: image.naturalHeight };
  } catch {
    return null;
  }
}

/** @param {string | null} text @returns {Picture[]} */
function stored(text) {
  try {
    const pictures = JSON.parse(text ?? "[]");
    return Array.isArray(pictures) ? pictures.filter((picture) => typeof picture?.key === "string") : [];
  } catch {
    return [];
  }
}
