/**
 * A customer's message: first from the outbox, then from the log.
 *
 * @typedef {import("./protocol.js").Message} Message
 * @typedef {import("./outbox.js").Item} Item
 * @typedef {HTMLElement | SVGElement | string} Part
 *
 * What the bubble may ask of the page.
 * @typedef {object} CustomerDesk
 * @property {(id: string) => void} resend
 * @property {(id: string) => void} discard
 * @property {(id: string, key: string) => void} removePicture
 * @property {(key: string) => string} preview   address of an unsent picture; "" when it cannot be shown
 * @property {(key: string) => {share: number | null, words: string}} progress
 * @property {(pictures: readonly import("./thumbs.js").Shown[], at: number) => void} openPictures
 * @property {(messageId: string) => void} openReading
 */

import { el, icon } from "./dom.js";
import { Thumbs } from "./thumbs.js";
import { time } from "./times.js";

export class CustomerBubble {
  #desk;
  #text = el("div", { class: "bubble", dir: "auto" });
  #meta = el("div", { class: "meta" });
  #thumbs;
  #drawn = "";

  /** @param {CustomerDesk} desk */
  constructor(desk) {
    this.#desk = desk;
    this.#thumbs = new Thumbs(desk.openPictures);
    const said = el("span", { class: "vh" }, "You wrote: ");
    this.element = el("li", { class: "msg me" }, said, this.#thumbs.element, this.#text, this.#meta);
  }

  /** @param {Message} message @param {boolean} latest */
  stored(message, latest) {
    const { attachments = [] } = message;
    this.#thumbs.update(attachments.map(shown));
    const read = attachments.some(({ reading }) => reading);
    const corrected = attachments.some(({ reading }) => reading?.corrected);
    const words = corrected ? "What I read, with your correction" : "What I read";
    const reading = link(words, () => this.#desk.openReading(message.id), "dialog");
    this.#draw(message.text, "", [...(read ? [reading] : []), time(message.created_at), latest ? "Delivered" : ""]);
  }

  /** @param {Item} item @param {boolean} connected */
  pending(item, connected) {
    this.#thumbs.update(item.pictures.map((picture) => this.#unsent(item, picture)));
    const missing = item.pictures.filter(({ attachment }) => !attachment);
    if (item.state === "failed") {
      const lost = item.pictures.some(({ trouble, key }) => trouble && !this.#desk.preview(key));
      const again = lost ? [] : [link("Retry", () => this.#desk.resend(item.id))];
      this.#draw(item.text, "failed", [`Not sent. ${item.reason ?? ""}`, ...again, this.#discard(item)]);
    } else if (item.state === "limited") {
      this.#draw(item.text, "waiting", [icon("clock"), "Sent as soon as the pause is over", this.#discard(item)]);
    } else if (!connected) {
      const again = link("Retry", () => this.#desk.resend(item.id));
      this.#draw(item.text, "waiting", [icon("clock"), "Not sent yet – no connection", again, this.#discard(item)]);
    } else if (missing.length) {
      const trouble = missing.map(({ key }) => this.#desk.progress(key).words).find(Boolean);
      const usual = item.pictures.length > 1 ? "Sending your pictures…" : "Sending your picture…";
      this.#draw(item.text, "waiting", [icon("clock"), trouble || usual, this.#discard(item)]);
    } else {
      this.#draw(item.text, "waiting", [icon("clock"), "Sending…"]);
    }
  }

  /**
   * @param {Item} item
   * @param {import("./pictures.js").Picture} picture
   * @returns {import("./thumbs.js").Thumb}
   */
  #unsent(item, { key, name, width, height, attachment, thumb, trouble }) {
    const large = width ? this.#desk.preview(key) : "";
    const small = large || thumb || "";
    const share = attachment ? null : this.#desk.progress(key).share;
    const open = item.state === "waiting" || item.state === "limited" || item.state === "failed";
    const remove = open ? () => this.#desk.removePicture(item.id, key) : undefined;
    return { small, large: large || small, name, description: "", width, height, share, trouble: Boolean(trouble), remove };
  }

  /** @param {Item} item */
  #discard(item) {
    return link("Delete", () => this.#desk.discard(item.id));
  }

  /** @param {string} text @param {string} state @param {Part[]} meta */
  #draw(text, state, meta) {
    // Drawn again only when it differs: a button keeps its focus while an answer streams elsewhere.
    const now = [text, state, ...meta.map((part) => (part instanceof Element ? part.textContent : part))].join("\n");
    if (now === this.#drawn) return;
    this.#drawn = now;
    if (this.#text.textContent !== text) this.#text.textContent = text;
    this.#text.hidden = !text;
    this.element.className = `msg me ${state}`;
    const parts = meta.filter((part) => part !== "");
    this.#meta.replaceChildren(...parts.map((part) => (typeof part === "string" ? el("span", {}, part) : part)));
  }
}

/** A stored picture. @param {import("./protocol.js").Attachment} attachment @returns {import("./thumbs.js").Shown} */
export function shown({ url, thumb_url, name, width, height, reading }) {
  return { small: thumb_url, large: url, name, description: reading?.description ?? "", width, height };
}

/** @param {string} words @param {() => void} act @param {string} [opens] */
function link(words, act, opens) {
  return el("button", { type: "button", class: "link", "aria-haspopup": opens, onclick: act }, words);
}
