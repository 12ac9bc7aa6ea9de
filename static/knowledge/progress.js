// The state of documents, FAQs and builds, kept up to date while somebody looks. Without this the page is merely still.

const AGAIN = 1500; // ms while something is being read
const LATER = 10000; // ms while nothing is known to run

/**
 * @typedef {{ pill: string, label: string, reason: string, passages?: number, pages?: string, title?: string, working: boolean }} Standing
 * Passages, pages and title are a document's.
 */

/** @param {string} address @returns {Promise<any>} null when nobody answers */
async function ask(address) {
  try {
    const answer = await fetch(address, { headers: { Accept: "application/json" }, credentials: "same-origin" });
    return answer.ok && !answer.redirected ? await answer.json() : null;
  } catch {
    return null;
  }
}

/** @param {HTMLElement} cell @param {Standing} told */
function show(cell, told) {
  const pill = cell.querySelector(".pill");
  const reason = cell.querySelector(".reason");
  if (pill) {
    pill.className = `pill pill-${told.pill}`;
    pill.textContent = told.label;
  }
  if (reason) reason.textContent = told.reason;
  cell.toggleAttribute("data-working", told.working);
  const id = cell.dataset.document;
  if (!id) return;
  for (const [name, text] of [["passages", String(told.passages || "–")], ["pages", told.pages], ["title", told.title]]) {
    const figure = document.querySelector(`[data-${name}="${id}"]`);
    if (figure) figure.textContent = text ?? "";
  }
  const link = cell.closest("#result_list tr")?.querySelector("th a");
  if (link && told.title) link.textContent = told.title;
}

/** @param {"document" | "faq"} kind */
async function follow(kind) {
  const cells = /** @type {HTMLElement[]} */ ([...document.querySelectorAll(`[data-${kind}][data-working]`)]);
  if (cells.length && !document.hidden) {
    const ids = cells.map((cell) => cell.dataset[kind]).join(",");
    const said = await ask(`${root()}${kind}/progress/?ids=${ids}`);
    for (const cell of said ? cells : []) {
      const told = said[`${kind}s`][cell.dataset[kind] ?? ""];
      if (told) show(cell, told);
      else cell.removeAttribute("data-working"); // removed meanwhile
    }
  }
  if (cells.length) setTimeout(() => follow(kind), AGAIN);
}

/** Where the knowledge pages live: ".../admin/knowledge/". */
function root() {
  const path = location.pathname;
  const mark = "/knowledge/";
  return path.slice(0, path.indexOf(mark) + mark.length);
}

/** @param {HTMLElement} box @param {string} last what was told before */
async function followBuilds(box, last) {
  const said = document.hidden ? null : await ask(box.dataset.builds ?? "");
  let now = last;
  if (said) {
    for (const build of said.builds) {
      const bar = /** @type {HTMLProgressElement | null} */ (box.querySelector(`[data-build="${build.id}"]`));
      if (!bar) continue;
      bar.max = Math.max(build.total, 1);
      bar.value = build.done;
      if (bar.nextElementSibling) bar.nextElementSibling.textContent = `${build.done} of ${build.total}`;
    }
    now = JSON.stringify(said.builds.map((/** @type {any} */ build) => [build.id, build.running]));
    if (last && now !== last) await renew(box);
  }
  const runs = said?.builds.some((/** @type {any} */ build) => build.running);
  setTimeout(() => followBuilds(box, now), runs || Date.now() - opened < 30000 ? AGAIN : LATER);
}

/** A build began or ended: take the table as the server shows it now. @param {HTMLElement} box */
async function renew(box) {
  try {
    const answer = await fetch(location.href, { credentials: "same-origin" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById(box.id);
    if (fresh) box.replaceChildren(...fresh.childNodes);
  } catch {
    // the next round tries again
  }
}

const opened = Date.now();
follow("document");
follow("faq");
const builds = document.getElementById("builds");
if (builds) followBuilds(builds, "");
