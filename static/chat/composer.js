/**
 * The place to write: Enter sends, Shift + Enter breaks the line, an input method's Enter does neither.
 *
 * @typedef {object} Handlers
 * @property {(text: string) => void} send   with the pictures in the tray
 * @property {() => void} stop
 * @property {() => void} typing
 */

import { byId } from "./dom.js";
import { codePoints } from "./protocol.js";

const DRAFT = "joblynk.draft";
const NEAR = 0.875; // of the limit: from here the counter shows
// The send button becomes the stop button: the second half of a double click must not stop the answer.
const DOUBLE_CLICK_MS = 500;

export class Composer {
  #form = byId("composer", HTMLFormElement);
  #area = byId("message", HTMLTextAreaElement);
  #send = byId("send", HTMLButtonElement);
  #stop = byId("stop", HTMLButtonElement);
  #count = byId("count");
  #hint = byId("hint");
  #usual = Array.from(this.#hint.childNodes);
  #placeholder = this.#area.placeholder;
  #said = "";
  #limit = 4000;
  #pausedUntil = 0;
  #sentAt = 0;
  #answering = false;
  #handlers;
  #store;
  #tray;

  /**
   * @param {Handlers} handlers
   * @param {import("./storage.js").Store} store
   * @param {import("./tray.js").Tray} tray
   */
  constructor(handlers, store, tray) {
    this.#handlers = handlers;
    this.#store = store;
    this.#tray = tray;
    this.#area.value = store.get(DRAFT) ?? "";
    this.#area.addEventListener("input", () => this.#changed(true));
    this.#area.addEventListener("keydown", (event) => this.#key(event));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.#stop.addEventListener("click", () => {
      if (Date.now() - this.#sentAt <= DOUBLE_CLICK_MS) return;
      this.takeFocus();
      handlers.stop();
    });
    this.#changed(false);
  }

  /** @param {{answering: boolean, limit: number, pausedUntil: number}} state */
  update({ answering, limit, pausedUntil }) {
    this.#answering = answering;
    this.#limit = limit;
    this.#pausedUntil = pausedUntil;
    this.#draw();
  }

  submit() {
    if (this.#tray.busy) {
      void this.#tray.settled().then(() => this.submit());
      return;
    }
    const text = clean(this.#area.value);
    if ((!text && !this.#tray.count) || this.#over() || this.#pause()) return;
    this.#sentAt = Date.now();
    this.#area.value = "";
    this.#area.placeholder = this.#placeholder;
    this.#changed(false);
    this.#handlers.send(text);
  }

  /**
   * For a click: the text to change, and the place to change it.
   * @param {string} text
   * @param {string} [hint]  shown until something is typed
   */
  invite(text, hint) {
    if (text && !this.#area.value.trim()) this.#area.value = text;
    if (hint) this.#area.placeholder = hint;
    this.#changed(false);
    this.#area.focus();
    this.#area.setSelectionRange(this.#area.value.length, this.#area.value.length);
  }

  focus() {
    this.#area.focus();
  }

  /** The button that was just pressed by keyboard is about to vanish: its focus goes here, at once, not to nowhere. */
  takeFocus() {
    if (document.activeElement?.matches("button:focus-visible")) this.#area.focus();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key !== "Enter" || event.shiftKey || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.isComposing || event.keyCode === 229) return; // Safari ends a composition before its Enter
    event.preventDefault();
    this.submit();
  }

  /** @param {boolean} typed */
  #changed(typed) {
    if (this.#area.value) this.#store.set(DRAFT, this.#area.value);
    else this.#store.remove(DRAFT);
    if (typed) this.#handlers.typing();
    this.#draw();
  }

  #over() {
    return this.#length() > this.#limit;
  }

  #length() {
    const { value } = this.#area;
    return value.length < this.#limit * NEAR ? value.length : codePoints(clean(value));
  }

  /** Seconds until the server takes messages again. */
  #pause() {
    return Math.max(0, Math.ceil((this.#pausedUntil - Date.now()) / 1000));
  }

  #draw() {
    const written = clean(this.#area.value) !== "" || this.#tray.count > 0;
    const length = this.#length();
    const over = length > this.#limit;
    const pause = this.#pause();
    this.#stop.hidden = !this.#answering;
    this.#send.hidden = this.#answering && !written;
    this.#stop.classList.toggle("aside", written);
    this.#send.setAttribute("aria-disabled", String(!written || over || pause > 0));
    this.#send.classList.toggle("paused", pause > 0);
    this.#count.hidden = length < this.#limit * NEAR;
    this.#count.textContent = `${length.toLocaleString()} / ${this.#limit.toLocaleString()}`;
    this.#form.classList.toggle("over", over);
    if (over) this.#area.setAttribute("aria-invalid", "true");
    else this.#area.removeAttribute("aria-invalid");
    const limit = this.#limit.toLocaleString("en");
    if (pause) this.#say(`One moment – you can send again in ${pause} s.`, "warn");
    else if (over) this.#say(`That’s over ${limit} characters.`, "err");
    else this.#say("", "");
  }

  /** @param {string} words @param {string} tone */
  #say(words, tone) {
    if (words === this.#said) return;
    this.#said = words;
    this.#hint.className = `fine ${tone}`;
    this.#hint.replaceChildren(...(words ? [words] : this.#usual));
  }
}

/**
 * As the server takes it: no blank edges, no control characters, no half pairs, and something to see.
 * @param {string} text
 */
function clean(text) {
  const kept = text.replace(/\p{Surrogate}|[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/gu, "").trim();
  return /[^\s\p{Cf}\ufe00-\ufe0f]/u.test(kept) ? kept : "";
}
