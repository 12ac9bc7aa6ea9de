/** What opens over the chat: the quoted passage, the menu, the question before a new conversation. */

import { sourceBody } from "./bubbles.js";
import { byId, el } from "./dom.js";

const GAP_PX = 8;

/** The passage a marker stands for, beside the marker; on a narrow screen CSS makes it a sheet at the bottom. */
export class SourcePanel {
  #panel = byId("source");
  #title = byId("source-title");
  #number = byId("source-number");
  #body = byId("source-body");
  /** @type {HTMLElement | null} */
  #marker = null;

  constructor() {
    byId("source-close").addEventListener("click", () => this.#panel.hidePopover());
    // Light dismissal leaves the focus where the click went; Esc and Close give it back to the marker by themselves.
    this.#panel.addEventListener("toggle", (event) => {
      const open = /** @type {ToggleEvent} */ (event).newState === "open";
      this.#marker?.setAttribute("aria-expanded", String(open));
      if (!open) this.#marker = null;
    });
    byId("log").addEventListener("scroll", () => this.#panel.matches(":popover-open") && this.#place(), { passive: true });
  }

  /** @param {import("./protocol.js").Source} source @param {HTMLElement} marker */
  open(source, marker) {
    if (this.#marker === marker) return;
    this.#marker?.setAttribute("aria-expanded", "false");
    this.#number.textContent = String(source.n);
    this.#title.textContent = source.title;
    this.#body.replaceChildren(sourceBody(source, { title: false }));
    if (this.#panel.matches(":popover-open")) this.#panel.hidePopover();
    this.#panel.showPopover();
    this.#marker = marker;
    marker.setAttribute("aria-expanded", "true");
    this.#place();
  }

  /** Below the marker, or above where there is no room. */
  #place() {
    if (!this.#marker) return;
    const marker = this.#marker.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.#panel;
    const left = Math.min(marker.left, innerWidth - width - 2 * GAP_PX);
    const below = marker.bottom + GAP_PX;
    const top = below + height > innerHeight - GAP_PX ? Math.max(GAP_PX, marker.top - height - GAP_PX) : below;
    this.#panel.style.setProperty("--left", `${Math.max(GAP_PX, left)}px`);
    this.#panel.style.setProperty("--top", `${top}px`);
  }
}

/**
 * The menu: arrows move, Esc closes, the focus goes back to its button.
 * @param {Record<string, () => void>} acts  by the `data-act` of the items
 */
export function setUpMenu(acts) {
  const menu = byId("menu");
  const button = byId("menu-button");
  const items = () => Array.from(menu.querySelectorAll("button")).filter((item) => !item.hidden);
  menu.addEventListener("toggle", (event) => {
    const open = /** @type {ToggleEvent} */ (event).newState === "open";
    button.setAttribute("aria-expanded", String(open));
  });
  menu.addEventListener("keydown", (event) => {
    const at = items().findIndex((item) => item === document.activeElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    items().at((at + step) % items().length)?.focus();
  });
  menu.addEventListener("click", (event) => {
    const act = event.target instanceof Element ? event.target.closest("button")?.dataset.act : undefined;
    menu.hidePopover();
    if (act) acts[act]?.();
  });
}

/** @param {() => void} confirmed @param {() => void} keepCopy */
export function setUpNewConversation(confirmed, keepCopy) {
  const dialog = byId("new-dialog", HTMLDialogElement);
  dialog.addEventListener("close", () => {
    if (dialog.returnValue === "new") confirmed();
    if (dialog.returnValue === "copy") keepCopy();
    dialog.returnValue = "";
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  return () => dialog.showModal();
}

/** Where a person may answer a customer who has gone. @param {(email: string) => void} save */
export function setUpAddress(save) {
  const dialog = byId("address-dialog", HTMLDialogElement);
  const address = byId("address", HTMLInputElement);
  dialog.addEventListener("close", () => {
    if (dialog.returnValue === "save" && address.value.trim()) save(address.value.trim());
    dialog.returnValue = "";
  });
  return () => dialog.showModal();
}

/**
 * A short message that goes by itself; the announcer says it too.
 * @param {string} text
 */
export function toast(text) {
  const note = el("p", { class: "toast" }, text);
  const dialog = document.querySelector("dialog[open] .toasts"); // what lies behind it is seen by nobody
  if (dialog) dialog.replaceChildren(note);
  else byId("toasts").append(note);
  setTimeout(() => note.remove(), 6_000);
}

/** Five grades for a conversation that is over. @param {(score: number) => void} save */
export function setUpGrades(save) {
  const grades = byId("grades");
  grades.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("button") : null;
    const score = Number(button?.value);
    if (score >= 1) save(score);
  });
}
