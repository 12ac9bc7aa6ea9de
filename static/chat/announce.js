/**
 * What a screen reader is told. The visible log is no live region: a streaming text would be read piece by piece.
 * Each answer is announced twice: that it begins, and what it says.
 *
 * @typedef {import("./log.js").State} State
 * @typedef {import("./log.js").Entry} Entry
 */

import { el } from "./dom.js";

const KEPT = 20; // sentences

export class Announcer {
  /** @type {State | null} */
  #told = null;
  #region;

  /** @param {HTMLElement} region  a live region that only screen readers see */
  constructor(region) {
    this.#region = region;
  }

  /**
   * Tells what is new since the last call; the first one tells nothing, it is what the page opened with.
   * @param {State} state
   * @returns {boolean} whether anything was said
   */
  follow(state) {
    const said = this.#told ? announcements(this.#told, state) : [];
    this.#told = state;
    for (const text of said) this.say(text);
    return said.length > 0;
  }

  /** @param {string} text */
  say(text) {
    this.#region.append(el("p", {}, text));
    while (this.#region.children.length > KEPT) this.#region.firstElementChild?.remove();
  }
}

/**
 * @param {State} before
 * @param {State} after
 * @returns {string[]} sentences, in order
 */
export function announcements(before, after) {
  if (before.conversation !== after.conversation) return [];
  const known = new Map(before.entries.map((entry) => [entry.id, entry]));
  const said = after.entries
    .filter((entry) => known.get(entry.id)?.kind !== entry.kind)
    .map((entry) => sentence(entry))
    .filter((text) => text !== "");
  if (after.status === "human" && before.status !== "human") said.push("A person has joined the conversation.");
  return said;
}

/**
 * @param {Entry} entry
 * @returns {string}
 */
function sentence(entry) {
  if (entry.kind === "answer") return "The assistant is answering.";
  if (entry.kind === "failure") return entry.text;
  const { role, author, text } = entry.message;
  if (role === "user") return "";
  return role === "staff" ? `${author}: ${plain(text)}` : plain(text);
}

/**
 * Markdown as a voice should read it.
 * @param {string} text
 */
export function plain(text) {
  return text
    .replace(/\s*\[\d{1,2}\](?!\()/g, "")
    .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/^[ \t:|-]*--[ \t:|-]*$/gm, "")
    .replace(/^ {0,3}(#{1,6}|>|[-*+])[ \t]+/gm, "")
    .replace(/\*\*|__|`+|^[ \t]*\||\|[ \t]*$/gm, "")
    .replace(/[ \t]*\|[ \t]*/g, ", ")
    .replace(/[ \t]*\n\s*/g, "\n")
    .trim();
}
