/**
 * Messages the server has not yet confirmed, in the order they were written. They survive a reload; whatever has no
 * ack is sent again after every reconnect, under the same id, so that the server keeps it once.
 *
 * @typedef {object} Item
 * @property {string} id                `client_message_id`
 * @property {string} text
 * @property {string} at                ISO time of writing
 * @property {"waiting" | "sent" | "acked" | "limited" | "failed"} state
 * @property {number} [until]           limited: epoch milliseconds after which it goes out again
 * @property {string} [reason]          failed: the words for the customer
 */

import { uuid } from "./protocol.js";

const KEY = "joblynk.outbox";

export class Outbox {
  /** @type {readonly Item[]} */
  items;
  #store;

  /** @param {import("./storage.js").Store} store */
  constructor(store) {
    this.#store = store;
    this.items = load(store.get(KEY));
  }

  /**
   * @param {string} text
   * @returns {Item}
   */
  add(text) {
    /** @type {Item} */
    const item = { id: uuid(), text, at: new Date().toISOString(), state: "waiting" };
    this.#keep([...this.items, item]);
    return item;
  }

  /**
   * What may go out now, oldest first. A message that must wait holds back those behind it: order is kept.
   * @param {number} now  epoch milliseconds
   * @returns {Item[]}
   */
  ready(now) {
    const held = this.items.findIndex((item) => item.state === "limited" && (item.until ?? 0) > now);
    const free = held < 0 ? this.items : this.items.slice(0, held);
    return free.filter((item) => item.state === "waiting" || item.state === "limited");
  }

  /** @param {string} id */
  sent(id) {
    this.#mark(id, { state: "sent" });
  }

  /** @param {string} id */
  acked(id) {
    this.#mark(id, { state: "acked" });
  }

  /** @param {string} id @param {string} reason */
  failed(id, reason) {
    this.#mark(id, { state: "failed", reason });
  }

  /** @param {string} id @param {number} until */
  limited(id, until) {
    this.#mark(id, { state: "limited", until });
  }

  /**
   * Tries a failed message again, under a new id: the server has an opinion on the old one.
   * @param {string} id
   */
  retry(id) {
    this.#keep(this.items.map((item) => (item.id === id ? { ...item, id: uuid(), state: "waiting" } : item)));
  }

  /** @param {string} id */
  remove(id) {
    this.#keep(this.items.filter((item) => item.id !== id));
  }

  clear() {
    this.#keep([]);
  }

  /** The connection is gone: what was sent without an ack has to go out again. */
  unsend() {
    this.#keep(this.items.map((item) => (item.state === "sent" ? { ...item, state: "waiting" } : item)));
  }

  /**
   * Drops what stands in the log.
   * @param {ReadonlySet<string>} ids  `client_message_id` of stored messages
   */
  settle(ids) {
    if (this.items.some((item) => ids.has(item.id))) this.#keep(this.items.filter((item) => !ids.has(item.id)));
  }

  /** @param {string} id @param {Partial<Item>} change */
  #mark(id, change) {
    this.#keep(this.items.map((item) => (item.id === id ? { ...item, ...change } : item)));
  }

  /** @param {readonly Item[]} items */
  #keep(items) {
    this.items = items;
    const open = items.filter((item) => item.state !== "acked");
    if (open.length) this.#store.set(KEY, JSON.stringify(open));
    else this.#store.remove(KEY);
  }
}

/**
 * @param {string | null} stored
 * @returns {Item[]}
 */
function load(stored) {
  if (!stored) return [];
  try {
    const items = JSON.parse(stored);
    if (!Array.isArray(items)) return [];
    return items
      .filter((item) => typeof item?.id === "string" && typeof item?.text === "string")
      .map((item) => (item.state === "sent" ? { ...item, state: "waiting" } : item));
  } catch {
    return [];
  }
}
