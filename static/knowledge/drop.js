// Files dropped on the form join those that were chosen; the form itself stays the browser's own.

const MOST = 100; // files of one request: Django's DATA_UPLOAD_MAX_NUMBER_FILES

/** @param {number} bytes */
function size(bytes) {
  if (bytes < 1024) return `${bytes} bytes`;
  return bytes < 1024 * 1024 ? `${Math.round(bytes / 1024)} kB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

/** @param {HTMLInputElement} input */
function dress(input) {
  const box = document.createElement("div");
  box.className = "drop";
  const hint = document.createElement("p");
  hint.textContent = "Choose files, or drop them here.";
  const list = document.createElement("ul");
  list.setAttribute("aria-live", "polite");
  input.replaceWith(box);
  box.append(input, hint, list);

  const show = () => {
    const files = [...(input.files ?? [])];
    const lines = files.map((file) => `${file.name} (${size(file.size)})`);
    if (files.length > MOST) lines.unshift(`${files.length} files are more than the ${MOST} that can be sent at once.`);
    list.replaceChildren(...lines.map((line) => Object.assign(document.createElement("li"), { textContent: line })));
  };

  input.addEventListener("change", show);
  for (const name of ["dragover", "dragenter"]) {
    box.addEventListener(name, (event) => {
      event.preventDefault();
      box.classList.add("over");
    });
  }
  for (const name of ["dragleave", "drop"]) box.addEventListener(name, () => box.classList.remove("over"));
  box.addEventListener("drop", (event) => {
    event.preventDefault();
    const all = new DataTransfer();
    for (const file of [...(input.files ?? []), ...(event.dataTransfer?.files ?? [])]) all.items.add(file);
    input.files = all.files;
    show();
  });
}

const input = document.querySelector("form[data-drop] input[type=file]");
if (input instanceof HTMLInputElement) dress(input);
