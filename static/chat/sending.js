/**
 * The way of a message from the composer to the server: out in order, again after a drop, and what the server says
 * about it. The outbox remembers; this moves.
 *
 * @typedef {object} Wire
 * @property {(frame: import("./protocol.js").ClientFrame) => boolean} send  false when there is no connection
 * @property {() => void} prove    has an open connection show that it lives, and a lost one try at once
 * @property {() => void} changed  something to draw
 */

import { Outbox } from "./outbox.js";

const ACK_MS = 15_000;

export class Sending {
  #outbox;
  #wire;

  /** @param {import("./storage.js").Store} store @param {Wire} wire */
  constructor(store, wire) {
    this.#outbox = new Outbox(store);
    this.#wire = wire;
  }

  get items() {
    return this.#outbox.items;
  }

  /** The newest message that the server has but the log has not. */
  get underWay() {
    return this.items.findLast(({ state }) => state === "sent" || state === "acked");
  }

  /** Epoch milliseconds until which the server takes no messages; 0 if it does. */
  get pausedUntil() {
    return Math.max(0, ...this.items.map((item) => (item.state === "limited" ? (item.until ?? 0) : 0)));
  }

  /** @param {string} text */
  add(text) {
    this.#outbox.add(text);
    this.pump();
  }

  /** Sends what may go out, in order. */
  pump() {
    for (const { id, text } of this.#outbox.ready(Date.now())) {
      if (!this.#wire.send({ type: "message.send", client_message_id: id, text, attachment_ids: [] })) break;
      this.#outbox.sent(id);
      setTimeout(() => this.#unanswered(id), ACK_MS);
    }
    this.#wire.changed();
  }

  /** @param {string} id */
  resend(id) {
    if (this.#item(id)?.state === "failed") this.#outbox.retry(id);
    this.#wire.prove();
    this.pump();
  }

  /** @param {string} id */
  discard(id) {
    this.#outbox.remove(id);
    this.#wire.changed();
  }

  clear() {
    this.#outbox.clear();
  }

  /** The connection is gone: what was sent without an ack goes out again. */
  unsend() {
    this.#outbox.unsend();
  }

  /** @param {string} id */
  acked(id) {
    this.#outbox.acked(id);
  }

  /** @param {string} id @param {string} reason */
  failed(id, reason) {
    this.#outbox.failed(id, reason);
  }

  /** A message that has to pause goes out later by itself. @param {string} id @param {number} milliseconds */
  limited(id, milliseconds) {
    this.#outbox.limited(id, Date.now() + milliseconds);
    setTimeout(() => this.pump(), milliseconds + 50);
  }

  /** Drops what stands in the log. @param {readonly import("./protocol.js").Message[]} messages */
  settle(messages) {
    this.#outbox.settle(new Set(messages.map((message) => message.client_message_id ?? "")));
  }

  /** Without an ack on an open connection: have the connection prove itself, then send again. @param {string} id */
  #unanswered(id) {
    if (this.#item(id)?.state !== "sent") return;
    this.#wire.prove();
    this.#outbox.unsend();
    this.pump();
  }

  /** @param {string} id */
  #item(id) {
    return this.items.find((item) => item.id === id);
  }
}
