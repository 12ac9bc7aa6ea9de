// The answer of an FAQ as customers will see it, a moment after it was typed. The server renders and sanitises.

const PAUSE = 300; // ms without typing

/** @param {HTMLTextAreaElement} field */
function accompany(field) {
  const box = document.createElement("section");
  box.className = "preview";
  box.setAttribute("aria-label", "Preview of the answer");
  const heading = Object.assign(document.createElement("h3"), { textContent: "As customers see it" });
  const shown = document.createElement("div");
  box.append(heading, shown);
  (field.closest(".form-row") ?? field).append(box);

  let timer = 0;
  let asked = 0;
  const render = async () => {
    const turn = ++asked;
    const token = field.form?.querySelector("input[name=csrfmiddlewaretoken]");
    const body = new URLSearchParams({ text: field.value });
    const headers = { "X-CSRFToken": token instanceof HTMLInputElement ? token.value : "" };
    const path = location.pathname;
    const mark = "/knowledge/faq/";
    try {
      const address = `${path.slice(0, path.indexOf(mark) + mark.length)}preview/`;
      const answer = await fetch(address, { method: "POST", body, headers, credentials: "same-origin" });
      if (!answer.ok) throw new Error(String(answer.status));
      const { html } = await answer.json();
      if (turn !== asked) return;
      const page = new DOMParser().parseFromString(html, "text/html");
      shown.replaceChildren(...page.body.childNodes);
    } catch {
      if (turn === asked) shown.textContent = "The preview is not available now.";
    }
  };
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = window.setTimeout(render, PAUSE);
  });
  render();
}

const field = document.querySelector("textarea[data-preview]");
if (field instanceof HTMLTextAreaElement) accompany(field);
