/**
 * Copies text; plain http has no clipboard API, and there the old way still works.
 * @param {string} text
 * @returns {Promise<boolean>}
 */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

/** @param {string} text */
function copyBySelection(text) {
  const focused = document.activeElement;
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "vh";
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  return copied;
}

/**
 * An answer as text with its sources below.
 * @param {import("./protocol.js").Message} message
 */
export function withSources(message) {
  if (!message.sources.length) return message.text;
  const lines = message.sources.map((source) => {
    const place = [source.heading, source.page ? `p. ${source.page}` : "", source.date, source.url];
    return `[${source.n}] ${[source.title, ...place.filter(Boolean)].join(", ")}`;
  });
  return `${message.text}\n\nSources\n${lines.join("\n")}`;
}
