/**
 * One lasting connection over many sockets: connect, hello, heartbeat, backoff, close codes.
 *
 * @typedef {"connecting" | "open" | "waiting" | "stopped"} Link
 *   `open` begins with the server's welcome; `stopped` needs a reload
 *
 * @typedef {object} Options
 * @property {string} url
 * @property {() => import("./protocol.js").ClientFrame} hello   made anew for every connection
 * @property {(frame: import("./protocol.js").ServerFrame) => void} onframe
 * @property {(link: Link, code: number) => void} onlink       code: of the close, 0 if none
 * @property {typeof WebSocket} [Socket]
 * @property {() => number} [random]
 */

import { SUBPROTOCOL, parse } from "./protocol.js";

const PING_MS = 20_000;
const SILENCE_MS = 30_000;
const PROBE_MS = 5_000;
const OPENING_MS = 10_000;
const RESYNC_MS = 250;
// The server keeps a window of unconfirmed frames: confirm before it closes.
const PING_FRAMES = 200;
const PING_BYTES = 65_536;

const OPEN = 1;
const TERMINAL = new Set([4400, 4401, 4403, 4426]);
const FLOOD = 4429;
const RESTART = 1012;

/**
 * How long to wait before the next attempt: 0.5 s doubling to 20 s, each up to a half longer so that a thousand
 * pages do not come back at once.
 * @param {number} attempt  0 for the first
 * @param {() => number} random  in [0, 1)
 * @returns {number} milliseconds, 500 … 30 000
 */
export function backoff(attempt, random) {
  return Math.min(500 * 2 ** Math.min(attempt, 10), 20_000) * (1 + random() / 2);
}

export class Connection {
  /** @type {Link} */
  link = "waiting";
  #options;
  #random;
  /** @type {WebSocket | null} */
  #socket = null;
  #attempt = 0;
  #received = 0;
  #frames = 0;
  #bytes = 0;
  #greeting = false;
  #encoder = new TextEncoder();
  /** @type {Record<string, ReturnType<typeof setTimeout> | undefined>} */
  #timers = {};

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
  }

  start() {
    if (this.#socket || this.link === "stopped") return;
    this.#clear();
    const Socket = this.#options.Socket ?? WebSocket;
    const socket = new Socket(this.#options.url, SUBPROTOCOL);
    this.#socket = socket;
    this.#received = this.#frames = this.#bytes = 0;
    this.#change("connecting", 0);
    // Sockets outlive our interest in them: only the current one may speak.
    const current = (/** @type {() => void} */ act) => () => this.#socket === socket && act();
    socket.onopen = current(() => this.greet());
    socket.onmessage = (event) => this.#socket === socket && this.#receive(event.data);
    socket.onclose = (event) => this.#socket === socket && this.#closed(event.code);
    this.#after("silence", OPENING_MS, () => this.#drop());
  }

  /** Leaves without coming back by itself (page put aside by the browser). */
  pause() {
    this.#clear();
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
    if (this.link !== "stopped") this.#change("waiting", 0);
  }

  /** The network or the page is back: connect at once, or prove within 5 s that the connection lives. */
  wake() {
    if (this.link === "waiting") {
      this.start();
    } else if (this.link === "open") {
      this.#ping();
      this.#after("probe", PROBE_MS, () => this.#drop());
    }
  }

  /** Asks for what is missing; at most one question at a time, and not in a tight loop. */
  resync() {
    if (this.link !== "open" || this.#greeting || this.#timers.resync) return;
    this.#after("resync", RESYNC_MS, () => this.greet());
  }

  /** Says `hello` at once: for the next page of a backlog, or for another conversation. */
  greet() {
    if (this.#socket?.readyState !== OPEN) return;
    this.#greeting = true;
    this.#socket.send(JSON.stringify(this.#options.hello()));
  }

  /**
   * @param {import("./protocol.js").ClientFrame} frame
   * @returns {boolean} false when there is no open connection
   */
  send(frame) {
    if (this.link !== "open" || this.#socket?.readyState !== OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  #ping() {
    this.#frames = this.#bytes = 0;
    if (this.#socket?.readyState !== OPEN) return;
    this.#socket.send(JSON.stringify({ type: "ping", t: Date.now(), received: this.#received }));
    this.#after("ping", PING_MS, () => this.#ping());
  }

  /** @param {unknown} data */
  #receive(data) {
    this.#received += 1;
    this.#frames += 1;
    this.#bytes += typeof data === "string" ? this.#encoder.encode(data).length : 0;
    this.#cancel("probe");
    this.#after("silence", SILENCE_MS, () => this.#drop());
    const frame = parse(data);
    if (frame?.type === "welcome" || frame?.type === "reset") {
      this.#greeting = false;
      this.#attempt = 0;
      if (this.link !== "open") {
        this.#ping();
        this.#change("open", 0);
      }
    }
    if (frame?.type === "error") this.#greeting = false; // it may be the answer to the hello
    if (this.#frames >= PING_FRAMES || this.#bytes >= PING_BYTES) this.#ping();
    if (frame) this.#options.onframe(frame);
  }

  /** Gives up a connection that does not answer. */
  #drop() {
    const socket = this.#socket;
    this.#closed(1006);
    socket?.close();
  }

  /** @param {number} code */
  #closed(code) {
    this.#socket = null;
    this.#greeting = false;
    this.#clear();
    if (TERMINAL.has(code)) return this.#change("stopped", code);
    let delay = backoff(this.#attempt, this.#random);
    if (code === FLOOD) delay = 30_000 + 10_000 * this.#random();
    if (code === RESTART) delay += 1_500 * this.#random();
    this.#attempt += 1;
    this.#after("retry", delay, () => this.start());
    this.#change("waiting", code);
  }

  /** @param {Link} link @param {number} code */
  #change(link, code) {
    if (this.link === link) return;
    this.link = link;
    this.#options.onlink(link, code);
  }

  /** @param {string} name @param {number} delay @param {() => void} act */
  #after(name, delay, act) {
    this.#cancel(name);
    this.#timers[name] = setTimeout(() => {
      this.#timers[name] = undefined;
      act();
    }, delay);
  }

  /** @param {string} name */
  #cancel(name) {
    clearTimeout(this.#timers[name]);
    this.#timers[name] = undefined;
  }

  #clear() {
    for (const name of Object.keys(this.#timers)) this.#cancel(name);
  }
}
