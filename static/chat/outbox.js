/**
 * Messages the server has not yet confirmed, in the order they were written. They survive a reload; whatever has no
 * ack is sent again after every reconnect, under the same id, so that the server keeps it once.
 *
 * A message with pictures goes out when all of them are on the server; it holds back those behind it, too.
 *
 * @typedef {import("./pictures.js").Picture} Picture
 * @typedef {object} Item
 * @property {string} id                `client_message_id`
 * @property {string} text              may be empty when there are pictures
 * @property {readonly Picture[]} pictures
 * @property {string} at                ISO time of writing
 * @property {"waiting" | "sent" | "acked" | "limited" | "failed"} state
 * @property {number} [until]           epoch milliseconds before which it does not go out again
 * @property {number} [tries]           how often it broke inside the server
 * @property {string} [reason]          failed: the words for the customer
 */

import { uuid } from "./protocol.js";

const KEY = "joblynk.outbox";
const AGAIN_MS = [1_000, 2_000, 4_000, 8_000, 15_000];

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
   * @param {readonly Picture[]} [pictures]
   * @returns {Item}
   */
  add(text, pictures = []) {
    /** @type {Item} */
    const item = { id: uuid(), text, pictures, at: new Date().toISOString(), state: "waiting" };
    this.#keep([...this.items, item]);
    return item;
  }

  /**
   * What may go out now, oldest first. A message that must wait holds back those behind it: order is kept.
   * @param {number} now  epoch milliseconds
   * @returns {Item[]}
   */
  ready(now) {
    const held = this.items.findIndex((item) => (isOpen(item) && (item.until ?? 0) > now) || lacks(item));
    const free = held < 0 ? this.items : this.items.slice(0, held);
    return free.filter(isOpen);
  }

  /** The pictures that messages wait for, in the order of sending. */
  get wanted() {
    return this.items.filter(isOpen).flatMap(({ pictures }) => pictures.filter(({ attachment }) => !attachment));
  }

  /** @param {string} key @param {{id: string, thumb_url: string}} attachment */
  uploaded(key, attachment) {
    this.#picture(key, { attachment: attachment.id, thumb: attachment.thumb_url });
  }

  /** A picture does not go, and so its message does not: the customer decides. @param {string} key @param {string} words */
  troubled(key, words) {
    this.#picture(key, { trouble: words });
    const id = this.items.find(({ pictures }) => pictures.some((picture) => picture.key === key))?.id;
    if (id) this.failed(id, words);
  }

  /**
   * Takes a picture out of its message; without the troubled one the message goes on, without anything it is gone.
   * @param {string} id
   * @param {string} key
   */
  removePicture(id, key) {
    const item = this.items.find((other) => other.id === id);
    if (!item) return;
    const pictures = item.pictures.filter((picture) => picture.key !== key);
    if (!pictures.length && !item.text) return this.remove(id);
    const was = item.pictures.find((picture) => picture.trouble);
    const freed = item.state === "failed" && was && !pictures.some((picture) => picture.trouble);
    this.#mark(id, { pictures, ...(freed && { state: /** @type {const} */ ("waiting"), reason: "" }) });
  }

  /** The server does not have these pictures any more: those whose bytes are here go again. @param {string} id @param {(key: string) => boolean} here */
  reupload(id, here) {
    const pictures = this.items.find((item) => item.id === id)?.pictures ?? [];
    this.#mark(id, { pictures: pictures.map((picture) => (here(picture.key) ? withoutTraces(picture) : picture)) });
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

  /**
   * It broke inside the server, which may have stored it: it goes out again as it is, for half a minute.
   * @param {string} id
   * @param {number} now  epoch milliseconds
   * @returns {number} milliseconds until then; 0 when it was tried often enough
   */
  again(id, now) {
    const tries = this.items.find((item) => item.id === id)?.tries ?? 0;
    const wait = AGAIN_MS[tries] ?? 0;
    if (wait) this.#mark(id, { state: "waiting", until: now + wait, tries: tries + 1 });
    return wait;
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
    const afresh = (/** @type {Item} */ { pictures, tries: _, ...rest }) => {
      const untroubled = pictures.map(({ trouble: _, ...picture }) => picture);
      return { ...rest, id: uuid(), pictures: untroubled, state: /** @type {const} */ ("waiting") };
    };
    this.#keep(this.items.map((item) => (item.id === id ? afresh(item) : item)));
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

  /** @param {string} key @param {Partial<Picture>} change */
  #picture(key, change) {
    const changed = (/** @type {Picture} */ picture) => (picture.key === key ? { ...picture, ...change } : picture);
    this.#keep(this.items.map((item) => ({ ...item, pictures: item.pictures.map(changed) })));
  }

  /** @param {readonly Item[]} items */
  #keep(items) {
    this.items = items;
    const open = items.filter((item) => item.state !== "acked");
    if (open.length) this.#store.set(KEY, JSON.stringify(open));
    else this.#store.remove(KEY);
  }
}

/** It is to go out. @param {Item} item */
function isOpen({ state }) {
  return state === "waiting" || state === "limited";
}

/** It would go out, but a picture is not on the server yet. @param {Item} item */
function lacks(item) {
  return isOpen(item) && item.pictures.some(({ attachment }) => !attachment);
}

/** As before its upload. @param {Picture} picture @returns {Picture} */
function withoutTraces({ key, name, width, height }) {
  return { key, name, width, height };
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
      .map((item) => ({
        ...item,
        pictures: Array.isArray(item.pictures) ? item.pictures : [],
        state: item.state === "sent" ? "waiting" : item.state,
      }));
  } catch {
    return [];
  }
}
