/**
 * The ways in which pictures come to the composer: chosen, taken with the camera, pasted anywhere on the page, dropped
 * anywhere on it.
 */

import { byId, el, icon } from "./dom.js";

/**
 * @param {{add: (files: Iterable<File>) => void, allowed: () => boolean}} desk  `allowed`: the composer takes pictures now
 * @returns {{choose: () => void, shoot: (() => void) | null}} `shoot` where a camera is likely
 */
export function setUpPicking({ add, allowed }) {
  const pick = byId("pick", HTMLInputElement);
  const camera = byId("shoot", HTMLInputElement);
  for (const input of [pick, camera]) {
    input.addEventListener("change", () => {
      add(Array.from(input.files ?? []));
      input.value = ""; // the same file may be chosen again
    });
  }
  byId("attach").addEventListener("click", () => pick.click());
  byId("camera").addEventListener("click", () => camera.click());
  document.addEventListener("paste", (event) => pasted(event, add, allowed));
  setUpDropping(add, allowed);
  return { choose: () => pick.click(), shoot: matchMedia("(pointer: coarse)").matches ? () => camera.click() : null };
}

/**
 * Text wins over its picture: a spreadsheet puts both on the clipboard.
 * @param {ClipboardEvent} event
 * @param {(files: Iterable<File>) => void} add
 * @param {() => boolean} allowed
 */
function pasted(event, add, allowed) {
  const { clipboardData } = event;
  if (!clipboardData?.files.length || clipboardData.types.includes("text/plain") || !allowed()) return;
  event.preventDefault();
  add(Array.from(clipboardData.files));
}

/**
 * The whole page is the zone: a file that is dropped beside it would replace the page.
 * @param {(files: Iterable<File>) => void} add
 * @param {() => boolean} allowed
 */
function setUpDropping(add, allowed) {
  const zone = el("div", { class: "drop-zone", hidden: true, "aria-hidden": "true" }, el("div", {}, icon("image-plus"), "Drop your pictures here"));
  document.body.append(zone);
  let own = false; // a picture of this page, on its way to somewhere else
  addEventListener("dragstart", () => (own = true));
  addEventListener("dragend", () => (own = false));
  const files = (/** @type {DragEvent} */ event) => !own && event.dataTransfer?.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!files(event) || !event.dataTransfer) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = allowed() ? "copy" : "none";
    zone.hidden = !allowed();
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) zone.hidden = true; // out of the window
  });
  addEventListener("drop", (event) => {
    zone.hidden = true;
    if (!files(event)) return;
    event.preventDefault();
    if (allowed()) add(Array.from(event.dataTransfer?.files ?? []));
  });
}
