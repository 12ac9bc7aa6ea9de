/**
 * Thumbs, and the question why after a thumb down.
 *
 * @typedef {(value: -1 | 0 | 1, reason?: string, comment?: string) => void} Save
 */

import { el, icon } from "./dom.js";

const REASONS = {
  wrong: "It is wrong",
  off_topic: "Not what I asked",
  outdated: "Out of date",
  unclear: "Hard to follow",
};
let panels = 0;

export class FeedbackPanel {
  #save;
  #value;
  #up;
  #down;
  #reason = "";
  /** @type {HTMLButtonElement[]} */
  #reasons;

  /** @param {-1 | 0 | 1} value @param {Save} save */
  constructor(value, save) {
    this.#save = save;
    this.#value = value;
    const id = `why-${(panels += 1)}`;
    this.#up = thumb("thumbs-up", "Helpful", () => this.#press(1));
    this.#down = thumb("thumbs-down", "Not helpful", () => this.#press(-1));
    this.#down.setAttribute("aria-controls", id);
    this.buttons = [this.#up, this.#down];
    this.#reasons = Object.entries(REASONS).map(([name, words]) =>
      el("button", { type: "button", class: "chip", "aria-pressed": "false", onclick: () => this.#choose(name) }, words),
    );
    this.comment = el("input", { type: "text", maxlength: 500, "aria-label": "Comment", placeholder: "What was missing?" });
    const form = el("form", {}, this.comment, el("button", { class: "textbtn" }, "Send"));
    form.addEventListener("submit", (event) => this.#submit(event));
    const legend = el("legend", {}, "What went wrong?");
    this.element = el("fieldset", { class: "why", id, hidden: true }, legend, el("div", { class: "chips" }, ...this.#reasons), form);
    this.update(value);
  }

  /** @param {-1 | 0 | 1} value */
  update(value) {
    this.#value = value;
    this.#up.setAttribute("aria-pressed", String(value === 1));
    this.#down.setAttribute("aria-pressed", String(value === -1));
    if (value !== -1) this.element.hidden = true;
    this.#down.setAttribute("aria-expanded", String(!this.element.hidden));
  }

  /** @param {-1 | 1} value */
  #press(value) {
    const next = this.#value === value ? 0 : value;
    this.element.hidden = next !== -1;
    this.update(next);
    this.#save(next);
  }

  /** @param {string} name */
  #choose(name) {
    this.#reason = this.#reason === name ? "" : name;
    Object.keys(REASONS).forEach((key, at) => {
      this.#reasons[at]?.setAttribute("aria-pressed", String(key === this.#reason));
    });
  }

  /** @param {Event} event */
  #submit(event) {
    event.preventDefault();
    this.#save(-1, this.#reason || undefined, this.comment.value.trim() || undefined);
    this.element.hidden = true;
    this.update(-1);
    this.#down.focus();
  }
}

/** @param {string} symbol @param {string} label @param {() => void} act */
function thumb(symbol, label, act) {
  return el("button", { type: "button", class: "tool", "aria-label": label, title: label, onclick: act }, icon(symbol));
}
