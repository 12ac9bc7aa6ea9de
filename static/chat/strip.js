/** The line under the header: no connection, waiting for a person, reload needed. */

import { byId, el, icon } from "./dom.js";

const OFFLINE_AFTER_MS = 1_500; // a reconnect that takes less is nobody's business

/**
 * @typedef {object} Situation
 * @property {import("./socket.js").Link} link
 * @property {number} code              of the close that stopped the link
 * @property {boolean} network          what the browser believes
 * @property {import("./log.js").State} state
 */

const STOPPED = {
  4401: "This chat needs a fresh page. Reload to go on.",
  4426: "A new version is ready – reload.",
};

export class Strip {
  #strip = byId("strip");
  #text = el("span", { dir: "auto" });
  #shown = "";
  #handlers;
  #since = Date.now();
  #redraw;

  /** @param {{cancelHandoff: () => void, leaveAddress: () => void, reconnect: () => void, redraw: () => void}} handlers */
  constructor(handlers) {
    this.#handlers = handlers;
    this.#redraw = handlers.redraw;
  }

  /** The connection was lost now. */
  lost() {
    this.#since = Date.now();
    setTimeout(this.#redraw, OFFLINE_AFTER_MS + 50);
  }

  /** @param {Situation} situation */
  update(situation) {
    const { kind, text } = this.#say(situation);
    document.body.dataset.link = kind === "offline" || kind === "stopped" ? "lost" : "live";
    if (kind === this.#shown && text === this.#text.textContent) return;
    this.#shown = kind;
    this.#text.textContent = text;
    this.#strip.hidden = !kind;
    this.#strip.className = `strip ${kind}`;
    this.#strip.replaceChildren(...this.#parts(kind));
  }

  /** @param {string} kind */
  #parts(kind) {
    const { cancelHandoff, leaveAddress, reconnect } = this.#handlers;
    const action = (/** @type {string} */ words, /** @type {() => void} */ act) =>
      el("button", { type: "button", class: "link", onclick: act }, words);
    switch (kind) {
      case "offline":
        return [icon("wifi-off"), this.#text, action("Try now", reconnect)];
      case "stopped":
        return [icon("triangle-alert"), this.#text, action("Reload", () => location.reload())];
      case "waiting":
        return [icon("clock"), this.#text, action("Leave your e-mail", leaveAddress), action("Cancel", cancelHandoff)];
      default:
        return [];
    }
  }

  /** @param {Situation} situation */
  #say({ link, code, network, state }) {
    if (link === "stopped") {
      const text = STOPPED[/** @type {keyof typeof STOPPED} */ (code)] ?? "Something went wrong. Reload and try again.";
      return { kind: "stopped", text };
    }
    if (!network || (link !== "open" && Date.now() - this.#since > OFFLINE_AFTER_MS)) {
      const text = network
        ? "Reconnecting… Keep typing, your message will be sent."
        : "You’re offline. Keep typing – your message will be sent when you reconnect.";
      return { kind: "offline", text };
    }
    if (state.status === "waiting") {
      const place = state.queuePosition ? ` You are number ${state.queuePosition}.` : "";
      return { kind: "waiting", text: `You’re waiting for a person.${place} You can go on asking here.` };
    }
    return { kind: "", text: "" };
  }
}
