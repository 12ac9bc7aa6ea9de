/**
 * Clicks that must reach the server: kept until their effect is visible in the log, sent again after a reconnect.
 * (Stop, retry, feedback, asking for a person, a new conversation.) They carry an id, so a second copy does nothing.
 *
 * @typedef {import("./log.js").State} State
 * @typedef {import("./protocol.js").ClientFrame} ClientFrame
 * @typedef {{frame: ClientFrame, done: (state: State) => boolean, sends: number, sent: boolean}} Action
 */

const MOST_SENDS = 5; // an action the server never answers is given up in the end

export class Actions {
  /** @type {Action[]} */
  #open = [];
  #send;

  /** @param {(frame: ClientFrame) => boolean} send  false when there is no connection */
  constructor(send) {
    this.#send = send;
  }

  /**
   * @param {ClientFrame} frame
   * @param {(state: State) => boolean} done
   */
  add(frame, done) {
    this.#open.push({ frame, done, sends: 0, sent: false });
    this.pump();
  }

  /** The connection is gone. */
  unsend() {
    for (const action of this.#open) action.sent = false;
  }

  pump() {
    for (const action of this.#open) {
      if (action.sent || !this.#send(action.frame)) continue;
      action.sent = true;
      action.sends += 1;
    }
  }

  /** @param {State} state */
  settle(state) {
    const over = (/** @type {Action} */ { sends, done }) => sends > MOST_SENDS || (sends > 0 && done(state));
    this.#open = this.#open.filter((action) => !over(action));
  }

  /** The server refused something: nothing that was sent is tried again. */
  refused() {
    this.#open = this.#open.filter((action) => !action.sent);
  }
}
