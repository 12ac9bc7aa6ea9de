/**
 * "What I read": the text and the description of a message's pictures, who read them, and a field to correct the text
 * and have the question answered again with it.
 *
 * @typedef {import("./protocol.js").Attachment} Attachment
 * @typedef {import("./protocol.js").Reading} Reading
 *
 * @typedef {object} ReadingDesk
 * @property {(attachmentId: string, text: string) => void} correct
 * @property {(pictures: readonly import("./thumbs.js").Shown[], at: number) => void} openPictures
 */

import { shown } from "./customer.js";
import { el, icon, set } from "./dom.js";
import { Thumbs } from "./thumbs.js";

const LONGEST = 4_000; // characters of a correction

export class ReadingPanel {
  #desk;
  #body = el("div", { class: "readings" });
  #dialog;

  /** @param {ReadingDesk} desk */
  constructor(desk) {
    this.#desk = desk;
    const close = () => this.#dialog.close();
    const head = el(
      "header",
      {},
      el("h2", { id: "reading-title" }, "What I read"),
      el("button", { type: "button", class: "iconbtn", "aria-label": "Close", title: "Close", onclick: close }, icon("x")),
    );
    this.#dialog = el("dialog", { class: "reading", "aria-labelledby": "reading-title" }, head, this.#body);
    this.#dialog.addEventListener("click", (event) => event.target === this.#dialog && close());
    document.body.append(this.#dialog);
  }

  /**
   * @param {readonly Attachment[]} attachments  of one message
   * @param {boolean} again  whether an answer can be asked for
   */
  open(attachments, again) {
    const sections = attachments.map((attachment, at) => this.#section(attachment, at, attachments, again));
    this.#body.replaceChildren(...sections);
    this.#dialog.showModal();
  }

  /**
   * @param {Attachment} attachment
   * @param {number} at
   * @param {readonly Attachment[]} all
   * @param {boolean} again
   */
  #section(attachment, at, all, again) {
    const { id, name, reading } = attachment;
    const thumbs = new Thumbs(() => this.#desk.openPictures(all.map(shown), at));
    thumbs.update([shown(attachment)]);
    const title = all.length > 1 ? `Picture ${at + 1} of ${all.length}` : "Your picture";
    const head = el("div", { class: "reading-head" }, thumbs.element, el("div", {}, el("h3", {}, title), el("p", { dir: "auto" }, name)));
    if (!reading) return el("section", {}, head, el("p", { class: "quiet" }, "This picture is being read."));
    const about = el("p", { class: "quiet" }, whoRead(reading));
    const description = reading.description && el("p", { dir: "auto" }, reading.description);
    return el("section", {}, head, description, this.#form(id, reading, again), about);
  }

  /** @param {string} id @param {Reading} reading @param {boolean} again */
  #form(id, reading, again) {
    const field = el("textarea", { id: `reading-${id}`, dir: "auto", rows: 4, maxlength: LONGEST, spellcheck: "false" });
    field.value = reading.text;
    field.readOnly = !again;
    const send = el("button", { class: "textbtn primary" }, icon("rotate-ccw"), "Ask again with this");
    const ready = () => set(send, "aria-disabled", field.value.trim() === reading.text.trim() ? "true" : null);
    field.addEventListener("input", ready);
    ready();
    const label = el("label", { for: field.id }, reading.corrected ? "Text, as you corrected it" : "Text in the picture");
    const hint = again && el("span", { class: "quiet" }, "Something wrong? Correct it here.");
    const form = el("form", {}, label, field, again && el("div", { class: "choices" }, hint, send));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (send.getAttribute("aria-disabled")) return field.focus();
      this.#dialog.close();
      this.#desk.correct(id, field.value.trim());
    });
    return form;
  }
}

/**
 * Who read it, and how sure that is.
 * @param {Reading} reading
 */
export function whoRead({ reader, confidence, corrected, text, description }) {
  const who = {
    groq: "Read by Groq, a vision model that this site uses.",
    offline: "Read by text recognition on our own server.",
  }[reader];
  if (!who) return "Nobody could read this picture. Type here what it says, and I can look for it.";
  if (!text && !description && !corrected) return `${who} No text was found. Type here what it says.`;
  const sure = typeof confidence === "number" ? ` About ${Math.min(99, Math.round(100 * confidence))} % certain.` : "";
  return corrected ? `${who} The text is your correction.` : who + sure;
}
