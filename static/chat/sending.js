/**
 * The way of a message from the composer to the server: out in order, again after a drop, and what the server says
 * about it. The outbox remembers; this moves.
 *
 * @typedef {import("./pictures.js").Picture} Picture
 * @typedef {object} Wire
 * @property {(frame: import("./protocol.js").ClientFrame) => boolean} send  false when there is no connection
 * @property {() => void} prove    has an open connection show that it lives, and a lost one try at once
 * @property {() => void} changed  something to draw
 * @property {(text: string) => void} tell  the customer, something that passes
 */

import { Outbox } from "./outbox.js";
import { Uploads } from "./uploads.js";

const ACK_MS = 15_000;

export class Sending {
  #outbox;
  #wire;
  #bytes;
  #uploads;
  #restored = false;

  /**
   * @param {import("./storage.js").Store} store
   * @param {import("./picture-store.js").PictureStore} bytes
   * @param {Wire} wire
   */
  constructor(store, bytes, wire) {
    this.#outbox = new Outbox(store);
    this.#wire = wire;
    this.#bytes = bytes;
    this.#uploads = new Uploads({
      url: "/api/attachments/",
      token: csrfToken,
      blob: (key) => bytes.blob(key),
      done: (key, attachment) => {
        if (attachment.notice) wire.tell(attachment.notice);
        this.#after(() => this.#outbox.uploaded(key, attachment));
      },
      refused: (key, words) => {
        wire.tell(`Not sent. ${words}`);
        this.#after(() => this.#outbox.troubled(key, words));
      },
      changed: wire.changed,
    });
    void bytes.restore(this.#keys()).then(() => this.#after(() => (this.#restored = true)));
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

  /** @param {string} text @param {readonly Picture[]} pictures */
  add(text, pictures) {
    this.#outbox.add(text, pictures);
    this.pump();
  }

  /** How far a picture is. @param {string} key */
  progress(key) {
    return this.#uploads.progress(key);
  }

  /** Sends what may go out, in order, and the pictures that it needs. */
  pump() {
    if (this.#restored) this.#uploads.sync(this.#outbox.wanted);
    for (const { id, text, pictures } of this.#outbox.ready(Date.now())) {
      const attachments = pictures.map(({ attachment }) => attachment);
      if (!this.#wire.send({ type: "message.send", client_message_id: id, text, attachment_ids: attachments })) break;
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
    const pictures = this.#item(id)?.pictures ?? [];
    this.#after(() => this.#outbox.remove(id));
    for (const picture of pictures) this.#takeBack(picture);
  }

  /** @param {string} id @param {string} key */
  removePicture(id, key) {
    const picture = this.#item(id)?.pictures.find((other) => other.key === key);
    this.#after(() => this.#outbox.removePicture(id, key));
    if (picture) this.#takeBack(picture);
  }

  /** The network is back. */
  wake() {
    this.#uploads.wake();
  }

  clear() {
    const pictures = this.items.flatMap((item) => item.pictures);
    this.#after(() => this.#outbox.clear());
    for (const picture of pictures) this.#takeBack(picture);
  }

  /** The connection is gone: what was sent without an ack goes out again. */
  unsend() {
    this.#outbox.unsend();
  }

  /** @param {string} id */
  acked(id) {
    this.#outbox.acked(id);
  }

  /**
   * What the server says against a message; true when it stays unsent.
   * @param {string} id
   * @param {import("./protocol.js").ErrorFrame} error
   */
  failed(id, { code, text, retryable }) {
    const wait = retryable ? this.#outbox.again(id, Date.now()) : 0;
    if (wait) {
      setTimeout(() => this.pump(), wait + 50);
      return false;
    }
    if (code === "bad_attachment") this.#outbox.reupload(id, (key) => Boolean(this.#bytes.blob(key)));
    this.#outbox.failed(id, text);
    return true;
  }

  /** A message that has to pause goes out later by itself. @param {string} id @param {number} milliseconds */
  limited(id, milliseconds) {
    this.#outbox.limited(id, Date.now() + milliseconds);
    setTimeout(() => this.pump(), milliseconds + 50);
  }

  /** Drops what stands in the log. @param {readonly import("./protocol.js").Message[]} messages */
  settle(messages) {
    const before = this.#keys();
    this.#outbox.settle(new Set(messages.map((message) => message.client_message_id ?? "")));
    const left = new Set(this.#keys());
    for (const key of before) if (!left.has(key)) this.#bytes.drop(key);
  }

  /** Without an ack on an open connection: have the connection prove itself, then send again. @param {string} id */
  #unanswered(id) {
    if (this.#item(id)?.state !== "sent") return;
    this.#wire.prove();
    this.#outbox.unsend();
    this.pump();
  }

  /** @param {() => void} change */
  #after(change) {
    change();
    this.pump();
  }

  /** @param {Picture} picture */
  #takeBack({ key, attachment }) {
    this.#bytes.drop(key);
    if (attachment) this.#uploads.takeBack(attachment);
  }

  #keys() {
    return this.items.flatMap(({ pictures }) => pictures.map(({ key }) => key));
  }

  /** @param {string} id */
  #item(id) {
    return this.items.find((item) => item.id === id);
  }
}

/** As the page's cookie has it now: signing in elsewhere changes it. */
function csrfToken() {
  return /(?:^|;\s*)csrftoken=([^;]*)/.exec(document.cookie)?.[1] ?? "";
}
