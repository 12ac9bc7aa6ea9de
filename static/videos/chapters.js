// The order of chapters: dragged by the handle, or moved by the arrow keys on it. The numbers in the form are
// what is stored, and without this module they can be typed.

const group = document.getElementById("chapters-group");
if (group) {
  for (const row of rows()) furnish(row);
  document.addEventListener("formset:added", (event) => {
    const row = /** @type {HTMLElement} */ (event.target);
    if (group.contains(row)) {
      furnish(row);
      number();
    }
  });
}

/** @returns {HTMLElement[]} */
function rows() {
  return [.../** @type {NodeListOf<HTMLElement>} */ (group?.querySelectorAll("tr.form-row:not(.empty-form)") ?? [])];
}

/** @param {HTMLElement} row */
function furnish(row) {
  const cell = row.querySelector("td.field-position");
  if (!cell?.querySelector("input") || cell.querySelector(".drag")) return;
  row.classList.add("ordered");
  /** @type {HTMLInputElement} */ (cell.querySelector("input")).tabIndex = -1;
  const handle = document.createElement("button");
  handle.type = "button";
  handle.className = "drag";
  handle.textContent = "⠿";
  handle.setAttribute("aria-label", "Move this chapter: arrow up or down");
  cell.append(handle);
  handle.addEventListener("pointerdown", () => (row.draggable = true));
  handle.addEventListener("keydown", (event) => move(event, row, handle));
  row.addEventListener("dragstart", () => row.classList.add("dragged"));
  row.addEventListener("dragend", () => {
    row.classList.remove("dragged");
    row.draggable = false;
    number();
  });
  row.addEventListener("dragover", (event) => {
    const moving = group?.querySelector("tr.dragged");
    if (!moving || moving === row) return;
    event.preventDefault();
    const { top, height } = row.getBoundingClientRect();
    row[event.clientY < top + height / 2 ? "before" : "after"](moving);
  });
}

/** @param {KeyboardEvent} event @param {HTMLElement} row @param {HTMLElement} handle */
function move(event, row, handle) {
  const all = rows();
  const place = all.indexOf(row);
  if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
  if (event.key === "ArrowUp") all[place - 1]?.before(row);
  else all[place + 1]?.after(row);
  event.preventDefault();
  handle.focus();
  number();
}

function number() {
  rows().forEach((row, place) => {
    const input = /** @type {HTMLInputElement | null} */ (row.querySelector("td.field-position input"));
    if (input) input.value = String(place);
  });
}
