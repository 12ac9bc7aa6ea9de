/**
 * Pictures on their way to the server, by HTTP beside the socket. `sync` says which ones are wanted: those are sent, two
 * at a time, and again after what may pass (no network, a restart, too many at once); others are broken off.
 *
 * @typedef {{id: string, thumb_url: string, notice: string}} Attachment
 * @typedef {{key: string, name: string}} Wanted
 * @typedef {{kind: "done", attachment: Attachment}
 *   | {kind: "again", delay: number, words: string, blame: "network" | "server" | "pace"}
 *   | {kind: "refused", words: string}} Verdict   `delay` in milliseconds
 *
 * @typedef {object} Options
 * @property {string} url
 * @property {() => string} token                      for `X-CSRFToken`
 * @property {(key: string) => Blob | undefined} blob
 * @property {(key: string, attachment: Attachment) => void} done
 * @property {(key: string, words: string) => void} refused
 * @property {() => void} changed                      the progress of something
 * @property {() => boolean} [online]
 * @property {() => XMLHttpRequest} [request]
 * @property {() => number} [random]
 */

import { backoff } from "./socket.js";

const AT_ONCE = 2;
const STALLED_MS = 60_000; // without a byte sent or an answer
const MOST_FAILURES = 4; // of the server; a missing network is waited for
const LONGEST_PAUSE_MS = 120_000; // beyond that the customer decides when to go on

const MUCH_TRIED = 3; // from here the customer is told

const LOST = "This picture is no longer here: the page was reloaded before it could be kept. Remove it and add it again.";

/**
 * What an answer of the server means.
 * @param {number} status  0: no answer came
 * @param {string} body
 * @param {string | null} retryAfter  seconds; the body's `retry_after_ms` is finer
 * @param {{tries: number, failures: number}} before  with this picture, and how often the server was to blame
 * @param {() => number} random
 * @returns {Verdict}
 */
export function verdict(status, body, retryAfter, { tries, failures }, random) {
  const { id, thumb_url = "", notice = "", text = "", retry_after_ms = 0 } = parsed(body);
  if (status === 200 || status === 201) {
    if (id) return { kind: "done", attachment: { id, thumb_url, notice } };
    return { kind: "refused", words: "The server gave an answer that makes no sense. Try again later." };
  }
  if (status === 0) {
    const words = tries < MUCH_TRIED ? "" : "The connection keeps breaking off. Still trying…";
    return { kind: "again", delay: backoff(tries, random), words, blame: "network" };
  }
  if (status === 429) {
    const delay = Math.max(1_000, retry_after_ms || 1_000 * (Number(retryAfter) || 10));
    if (delay > LONGEST_PAUSE_MS) return { kind: "refused", words: text || "That’s enough pictures for now. Try again later." };
    return { kind: "again", delay, words: "One moment – the picture goes on by itself.", blame: "pace" };
  }
  if (status >= 500) {
    if (failures < MOST_FAILURES) return { kind: "again", delay: backoff(tries, random), words: "", blame: "server" };
    return { kind: "refused", words: text || "Something went wrong on our side. Try again in a minute." };
  }
  if (status === 403 && !text) return { kind: "refused", words: "This page is too old to send pictures. Reload it; your message stays." };
  if (status === 413) return { kind: "refused", words: text || "That picture is too large to be sent here. Send a smaller one, or a part of it." };
  if (status === 404 || status === 401) return { kind: "refused", words: text || "Pictures can’t be sent here at the moment." };
  return { kind: "refused", words: text || "We couldn’t read that picture." };
}

/** @param {string} body @returns {Partial<Attachment & {text: string, retry_after_ms: number}>} */
function parsed(body) {
  try {
    return JSON.parse(body) ?? {};
  } catch {
    return {}; // a proxy's page
  }
}

export class Uploads {
  #options;
  /** @type {Map<string, {request: XMLHttpRequest, share: number, stalled: ReturnType<typeof setTimeout> | undefined}>} */
  #running = new Map();
  /** @type {Map<string, {tries: number, failures: number, until: number, words: string, blame: string, timer: ReturnType<typeof setTimeout>}>} */
  #pausing = new Map();
  /** @type {readonly Wanted[]} */
  #wanted = [];

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
  }

  /**
   * How far a picture is: `share` of its bytes, 0 to 1 (then the server looks at it); null when it is not under way.
   * @param {string} key
   * @returns {{share: number | null, words: string}}
   */
  progress(key) {
    const run = this.#running.get(key);
    return { share: run?.share ?? null, words: (!run && this.#pausing.get(key)?.words) || "" };
  }

  /** @param {readonly Wanted[]} wanted  in the order of sending */
  sync(wanted) {
    this.#wanted = wanted;
    const keys = new Set(wanted.map(({ key }) => key));
    for (const key of [...this.#running.keys(), ...this.#pausing.keys()]) if (!keys.has(key)) this.#forget(key);
    if (!(this.#options.online ?? (() => navigator.onLine))()) return;
    for (const picture of wanted) {
      if (this.#running.size >= AT_ONCE || this.#wanted !== wanted) break;
      const pause = this.#pausing.get(picture.key);
      if (!this.#running.has(picture.key) && (pause?.until ?? 0) <= Date.now()) this.#start(picture);
    }
  }

  /** The network is back: what waited for it goes on at once. */
  wake() {
    for (const pause of this.#pausing.values()) if (pause.blame === "network") pause.until = 0;
    this.sync(this.#wanted);
  }

  /** Takes back what was uploaded and will not be sent; if that fails, the server forgets it after a day. @param {string} id */
  takeBack(id) {
    const headers = { "X-CSRFToken": this.#options.token() };
    fetch(`${this.#options.url}${encodeURIComponent(id)}/`, { method: "DELETE", headers }).catch(() => {});
  }

  /** @param {Wanted} picture */
  #start({ key, name }) {
    const { url, token, blob, refused, changed } = this.#options;
    const bytes = blob(key);
    if (!bytes) return refused(key, LOST);
    const request = (this.#options.request ?? (() => new XMLHttpRequest()))();
    const run = { request, share: 0, stalled: /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined) };
    const alive = () => {
      clearTimeout(run.stalled);
      run.stalled = setTimeout(() => request.abort(), STALLED_MS);
    };
    request.upload.onprogress = (event) => {
      alive();
      run.share = event.total ? event.loaded / event.total : 0;
      changed();
    };
    request.onloadend = () => {
      clearTimeout(run.stalled);
      if (this.#running.get(key) === run) this.#ended(key, request);
    };
    this.#running.set(key, run);
    alive();
    request.open("POST", url);
    request.setRequestHeader("X-CSRFToken", token());
    request.setRequestHeader("Accept", "application/json");
    const form = new FormData();
    form.append("file", bytes, name || "picture");
    request.send(form);
  }

  /** @param {string} key @param {XMLHttpRequest} request */
  #ended(key, request) {
    const { status, responseText } = request;
    const before = this.#pausing.get(key) ?? { tries: 0, failures: 0 };
    const retryAfter = status ? request.getResponseHeader("Retry-After") : null;
    const outcome = verdict(status, responseText, retryAfter, before, this.#options.random ?? Math.random);
    this.#forget(key);
    if (outcome.kind === "again") {
      const { delay, words, blame } = outcome;
      const timer = setTimeout(() => this.sync(this.#wanted), delay + 10);
      const failures = before.failures + (blame === "server" ? 1 : 0);
      this.#pausing.set(key, { tries: before.tries + 1, failures, until: Date.now() + delay, words, blame, timer });
      this.#options.changed();
    } else if (outcome.kind === "done") {
      this.#options.done(key, outcome.attachment);
    } else {
      this.#options.refused(key, outcome.words);
    }
    this.sync(this.#wanted);
  }

  /** @param {string} key */
  #forget(key) {
    const run = this.#running.get(key);
    this.#running.delete(key);
    clearTimeout(run?.stalled);
    run?.request.abort();
    clearTimeout(this.#pausing.get(key)?.timer);
    this.#pausing.delete(key);
  }
}
