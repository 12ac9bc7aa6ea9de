/**
 * The log on the screen: keeps the pieces in the order of the log, the days between them, and the place of the reader.
 *
 * @typedef {import("./log.js").State} State
 * @typedef {import("./log.js").Entry} Entry
 * @typedef {import("./outbox.js").Item} Item
 */

import { AnswerCard, StaffCard, SystemLine } from "./bubbles.js";
import { CustomerBubble } from "./customer.js";
import { byId, el } from "./dom.js";
import { dayKey, dayLabel } from "./times.js";

const NEAR_BOTTOM_PX = 100;

export class LogView {
  #desk;
  #log = byId("log");
  #list = byId("entries");
  #jump = byId("jump", HTMLButtonElement);
  /** @type {Map<string, CustomerBubble | AnswerCard | StaffCard | SystemLine>} */
  #pieces = new Map();
  /** @type {Map<string, HTMLElement>} */
  #days = new Map();
  #stuck = true;
  #tail = "";

  /** @param {import("./bubbles.js").Desk & import("./customer.js").CustomerDesk} desk */
  constructor(desk) {
    this.#desk = desk;
    this.#log.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#jump.addEventListener("click", () => {
      this.toBottom();
      this.#log.focus({ preventScroll: true });
    });
    new ResizeObserver(() => this.#stick()).observe(this.#list);
    new ResizeObserver(() => this.#stick()).observe(this.#log);
  }

  toBottom() {
    this.#stuck = true;
    this.#stick();
  }

  /**
   * @param {State} state
   * @param {readonly Item[]} outbox
   * @param {boolean} connected
   */
  render(state, outbox, connected) {
    /** @type {HTMLElement[]} */
    const rows = [];
    /** @type {Set<string>} */
    const alive = new Set();
    let day = "";
    const latest = state.entries.findLast((entry) => entry.kind === "message" && entry.message.role === "user");
    const sending = outbox.some((item) => item.state !== "failed");
    const last = sending ? undefined : state.entries.at(-1);
    for (const entry of state.entries) {
      const at = entry.kind === "message" ? entry.message.created_at : entry.kind === "failure" ? entry.at : "";
      const key = at ? dayKey(at) : day;
      if (key && key !== day) rows.push(this.#day(key, at));
      day = key;
      const id = pieceId(entry);
      alive.add(id);
      rows.push(this.#entry(id, entry, { latest: entry === latest && !sending, last: entry === last }, state));
    }
    for (const item of outbox) {
      alive.add(item.id);
      const bubble = this.#piece(item.id, CustomerBubble, () => new CustomerBubble(this.#desk));
      bubble.pending(item, connected);
      rows.push(bubble.element);
    }
    for (const id of this.#pieces.keys()) if (!alive.has(id)) this.#pieces.delete(id);
    this.#arrange(rows);
    this.#noteNews(state, outbox);
  }

  /**
   * @param {string} id
   * @param {Entry} entry
   * @param {{latest: boolean, last: boolean}} place
   * @param {State} state
   */
  #entry(id, entry, place, state) {
    if (entry.kind === "message" && entry.message.role !== "assistant") {
      const { message } = entry;
      if (message.role === "user") {
        const bubble = this.#piece(id, CustomerBubble, () => new CustomerBubble(this.#desk));
        bubble.stored(message, place.latest);
        return bubble.element;
      }
      const line =
        message.role === "staff"
          ? this.#piece(id, StaffCard, () => new StaffCard())
          : this.#piece(id, SystemLine, () => new SystemLine());
      line.update(message);
      return line.element;
    }
    const card = this.#piece(id, AnswerCard, () => new AnswerCard(this.#desk));
    const replyTo = entry.kind === "message" ? entry.message.reply_to : entry.replyTo;
    const asked = state.entries.find((other) => other.id === replyTo);
    card.update(entry, {
      last: place.last && state.status !== "resolved",
      handoff: state.features.handoff && state.status === "bot",
      question: asked?.kind === "message" ? asked.message.text : "",
    });
    return card.element;
  }

  /**
   * @template {CustomerBubble | AnswerCard | StaffCard | SystemLine} T
   * @param {string} id
   * @param {new (...args: any[]) => T} type
   * @param {() => T} make
   * @returns {T}
   */
  #piece(id, type, make) {
    const known = this.#pieces.get(id);
    if (known instanceof type) return known;
    const made = make();
    this.#pieces.set(id, made);
    return made;
  }

  /** @param {string} key @param {string} at */
  #day(key, at) {
    const known = this.#days.get(key) ?? el("li", { class: "day" }, el("span", {}));
    this.#days.set(key, known);
    if (known.firstChild) known.firstChild.textContent = dayLabel(at);
    return known;
  }

  /** @param {HTMLElement[]} rows */
  #arrange(rows) {
    rows.forEach((row, at) => {
      if (this.#list.children[at] !== row) this.#list.insertBefore(row, this.#list.children[at] ?? null);
    });
    while (this.#list.children.length > rows.length) this.#list.lastElementChild?.remove();
    this.#stick();
  }

  /**
   * Something new below the fold shows the button; one's own message always scrolls there.
   * @param {State} state
   * @param {readonly Item[]} outbox
   */
  #noteNews(state, outbox) {
    const own = outbox.at(-1)?.id;
    const tail = own ?? state.entries.at(-1)?.id ?? "";
    const known = this.#tail;
    this.#tail = tail;
    if (tail === known) return;
    if (own) this.toBottom();
    this.#scrolled(); // without a scroll, too: the log may have become shorter
    if (!this.#stuck) this.#jump.hidden = false;
  }

  #scrolled() {
    const below = this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight;
    this.#stuck = below <= NEAR_BOTTOM_PX;
    if (this.#stuck) this.#jump.hidden = true;
  }

  #stick() {
    if (this.#stuck && this.#list.firstChild) this.#log.scrollTop = this.#log.scrollHeight;
  }
}

/** @param {Entry} entry */
function pieceId(entry) {
  return (entry.kind === "message" && entry.message.client_message_id) || entry.id;
}
