/**
 * Taking a conversation away: the dialog that e-mails it or downloads it, and what became of each mail.
 *
 * @typedef {import("./log.js").State} State
 * @typedef {import("./protocol.js").Delivery} Delivery
 */

import { byId, el, icon, set } from "./dom.js";
import { toast } from "./panels.js";

const EMAIL = "joblynk.email";
const FORMS = ["html", "txt", "json"];
const WAYS = '#transcript-button, [data-act="email"], [data-act="download"]';

/** @type {Record<Delivery["state"], [string, string, (email: string) => string]>} class, icon, words */
const SHOWN = {
  waiting: ["", "clock", (email) => `We’ve asked ${email} whether it wants the transcript. Open the link in that mail.`],
  queued: ["", "clock", (email) => `On its way to ${email}…`],
  accepted: ["", "check", (email) => `Handed to the mail service for ${email}. It should arrive soon.`],
  delivered: ["good", "circle-check", (email) => `Delivered to ${email}.`],
  bounced: ["bad", "circle-alert", (email) => `${email} couldn’t be reached. Is it spelt right?`],
  dropped: ["bad", "circle-alert", (email) => `The mail service didn’t deliver to ${email}. Download it instead.`],
  failed: ["bad", "circle-alert", (email) => `It couldn’t be sent to ${email}. Download it instead.`],
  ambiguous: ["", "triangle-alert", (email) => `We can’t tell whether it reached ${email}. If it doesn’t come, download it.`],
  stored: ["", "triangle-alert", () => "Not sent: it was kept as a file on the server. Download it instead."],
};
const NEWS = new Set(["delivered", "bounced", "dropped", "failed"]);

/** An address as the server tells it back. @param {string} email */
export function masked(email) {
  const [first = ""] = email;
  return `${first}…@${email.slice(email.lastIndexOf("@") + 1)}`;
}

/**
 * @param {object} parts
 * @param {import("./storage.js").Store} parts.store
 * @param {string} parts.url        where the files are, before the conversation's id
 * @param {boolean} parts.mails     whether mails leave this site
 * @param {(email: string) => void} parts.send
 */
export function setUpTranscripts({ store, url, mails, send }) {
  const dialog = byId("transcript-dialog", HTMLDialogElement);
  const form = byId("transcript-form", HTMLFormElement);
  const address = byId("transcript-address", HTMLInputElement);
  const list = byId("transcript-states");
  /** @type {Map<string, string>} */
  let known = new Map();
  /** @type {string | null} */
  let conversation = null;
  let drawn = "";

  address.value = store.get(EMAIL) ?? "";
  byId("transcript-unconnected").hidden = mails;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    store.set(EMAIL, address.value.trim());
    send(address.value.trim());
  });
  byId("transcript-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());

  /** @param {readonly Delivery[]} deliveries */
  function draw(deliveries) {
    const now = JSON.stringify(deliveries);
    if (now === drawn) return;
    drawn = now;
    list.replaceChildren(
      ...deliveries.map(({ state, email }) => {
        const [kind, sign, words] = state === "waiting" && !mails ? SHOWN.stored : (SHOWN[state] ?? SHOWN.queued);
        return el("li", { class: `${kind} ${state}` }, icon(sign), el("span", {}, words(email)));
      }),
    );
  }

  return {
    /** @param {"email" | "download"} [wish]  where the focus goes */
    open(wish = "email") {
      if (!dialog.open) dialog.showModal();
      (wish === "email" ? address : byId("transcript-html")).focus();
    },

    /** @param {State} state */
    update(state) {
      const said = state.entries.length > 0;
      for (const kind of FORMS) {
        set(byId(`transcript-${kind}`), "href", said ? `${url}${state.conversation}.${kind}` : null);
      }
      for (const way of document.querySelectorAll(WAYS)) way.toggleAttribute("hidden", !(said && state.features.email));
      draw(state.transcripts);
      const fresh = conversation === state.conversation && !dialog.open;
      for (const { delivery, email, state: now } of state.transcripts) {
        if (fresh && known.has(delivery) && known.get(delivery) !== now && NEWS.has(now)) toast(SHOWN[now][2](email));
      }
      conversation = state.conversation;
      known = new Map(state.transcripts.map(({ delivery, state: now }) => [delivery, now]));
    },
  };
}
