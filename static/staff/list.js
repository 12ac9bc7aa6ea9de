/**
 * The list of conversations keeps itself current while somebody looks at it and has nothing ticked. It asks every few
 * seconds: a list is about all conversations, and one cheap question a page costs less than telling every page of
 * everything that is said.
 */

const EVERY_MS = 5_000;
const title = document.title;
const lines = document.getElementById("lines");

/** @param {Record<string, string | number>} counts */
function count(counts) {
  for (const place of document.querySelectorAll("[data-count]")) {
    place.textContent = String(counts[place.getAttribute("data-count") ?? ""] ?? "");
  }
  document.title = counts.waiting ? `(${counts.waiting}) ${title}` : title;
}

/** Whether somebody is about to do something with what stands there. */
function busy() {
  return Boolean(lines?.contains(document.activeElement) || lines?.querySelector(":checked"));
}

async function look() {
  if (document.hidden || !lines) return;
  const response = await fetch(location.href, { headers: { "X-Part": "list" }, redirect: "manual" });
  if (!response.ok) return;
  const found = await response.json();
  count(found);
  if (busy() || found.lines === lines.dataset.shown) return;
  lines.dataset.shown = found.lines;
  // Our own template's, in which every word of a customer is escaped.
  lines.replaceChildren(...new DOMParser().parseFromString(found.lines, "text/html").body.childNodes);
}

async function again() {
  await look().catch(() => undefined); // without a network there is nothing new
  setTimeout(again, EVERY_MS);
}

document.addEventListener("visibilitychange", () => void look().catch(() => undefined));
setTimeout(again, EVERY_MS);
