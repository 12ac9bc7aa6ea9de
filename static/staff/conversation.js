/**
 * The page on which staff read one conversation, live, and answer it. What happened is told by the socket; how it
 * looks is asked of the server, whose page shows more of a message than the wire carries.
 *
 * @typedef {object} Boot
 * @property {string} socket
 * @property {string} ticket   shows at the socket that this page was given the transcript
 * @property {string} live     address of the transcript as it is now
 * @property {number} seq
 * @property {number} id     of the account that looks
 * @property {boolean} answer  may answer customers
 * @property {boolean} assign  may take over from a colleague
 */

import { byId } from "../chat/dom.js";
import { uuid } from "../chat/protocol.js";
import { Connection } from "../chat/socket.js";

const TYPING_MS = 4_000;
const GATHER_MS = 80; // events of one turn come together

/** @type {Boot} */
const boot = JSON.parse(byId("boot").textContent ?? "{}");
const live = byId("live");
let seq = boot.seq;
let refreshing = 0;
let typingUntil = 0;
let lastTyping = 0;
/** @type {{id: string, text: string} | null} what was sent and is not confirmed */
let sent = null;
/** @type {{id: string, text: string} | null} the same of a note */
let noted = null;
let noting = false;

const connection = new Connection({
  url: `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}${boot.socket}`,
  hello: () => /** @type {any} */ ({ type: "hello", ticket: boot.ticket, last_seq: seq }),
  onframe: (frame) => receive(/** @type {any} */ (frame)),
  onlink: (link) => {
    if (link === "open" && sent) send(sent);
    if (link === "open" && noted) note(noted);
    trouble(link === "stopped" ? "This page is no longer connected. Reload it." : "");
    draw();
  },
});

/** @param {any} frame */
function receive(frame) {
  if (frame.type === "typing") {
    typingUntil = frame.on ? Date.now() + TYPING_MS + 1_000 : 0;
    setTimeout(draw, TYPING_MS + 1_100);
  } else if (frame.type === "message.ack") {
    if (sent?.id === frame.client_message_id) delivered();
  } else if (frame.type === "team.changed") {
    if (noted?.id === frame.client_action_id) noteTaken();
    look();
  } else if (frame.type === "error") {
    if (sent?.id === frame.client_message_id) sent = null;
    noted = null;
    trouble(frame.text);
  }
  if (frame.seq > seq && frame.type !== "message.ack") {
    seq = frame.seq;
    if (frame.type === "message.created") typingUntil = 0;
    look();
  }
  draw();
}

function look() {
  clearTimeout(refreshing);
  refreshing = setTimeout(() => void refresh(), GATHER_MS);
}

/** Brings the transcript in step, touching only entries that differ: an opened passage stays open. */
async function refresh() {
  const response = await fetch(boot.live, { redirect: "manual" }).catch(() => null);
  if (!response?.ok) {
    refreshing = setTimeout(() => void refresh(), 2_000);
    return;
  }
  const low = nearBottom();
  const next = new DOMParser().parseFromString(await response.text(), "text/html");
  const facts = next.querySelector(".facts");
  if (facts) live.querySelector(".facts")?.replaceWith(facts);
  const list = live.querySelector(".transcript");
  const wanted = [...next.querySelectorAll(".transcript > .entry")];
  wanted.forEach((entry, index) => {
    const old = list?.children[index];
    if (!old) list?.append(entry);
    else if (!same(old, entry)) old.replaceWith(entry);
  });
  while (list && list.children.length > wanted.length) list.lastElementChild?.remove();
  if (low) scrollTo({ top: document.documentElement.scrollHeight });
  draw();
}

/** @param {Element} old @param {Element} next */
function same(old, next) {
  const plain = /** @type {Element} */ (old.cloneNode(true));
  for (const open of plain.querySelectorAll("details[open]")) open.removeAttribute("open");
  return plain.isEqualNode(next);
}

function nearBottom() {
  return document.documentElement.scrollHeight - scrollY - innerHeight < 200;
}

/** What can be done now, by whom. */
function draw() {
  if (!boot.answer) return;
  const { status = "bot", assignee = "", assigneeId = "" } = /** @type {HTMLElement | null} */ (live.querySelector(".facts"))?.dataset ?? {};
  const mine = status === "human" && assigneeId === String(boot.id);
  const others = status === "human" && !mine;
  const over = status === "resolved";
  byId("answering").hidden = false;
  byId("reply").hidden = !mine || noting;
  byId("note").hidden = !noting;
  byId("write-note").setAttribute("aria-expanded", String(noting));
  byId("write-note").textContent = noting ? "Leave the note" : "Write a note";
  drawAssignee(status, assigneeId, others);
  byId("take-over").hidden = noting || over || mine || (others && !boot.assign);
  byId("release").hidden = noting || !(mine || (others && boot.assign));
  byId("resolve").hidden = noting || over || (others && !boot.assign);
  byId("situation").textContent = words(status, assignee, mine);
  byId("answering").toggleAttribute("data-connected", connection.link === "open");
  for (const button of document.querySelectorAll("#answering button")) {
    button.toggleAttribute("disabled", connection.link !== "open");
  }
}

/** While somebody chooses, nothing is changed under their hand. @param {string} status @param {string} id @param {boolean} others */
function drawAssignee(status, id, others) {
  const list = byId("assignee", HTMLSelectElement);
  byId("assigning").hidden = status !== "waiting" && status !== "human";
  list.disabled = others && !boot.assign;
  list.options[0]?.toggleAttribute("disabled", status === "human"); // somebody answers
  if (document.activeElement !== list && list.dataset.known !== id) list.value = list.dataset.known = id;
}

/** @param {string} status @param {string} assignee @param {boolean} mine */
function words(status, assignee, mine) {
  if (typingUntil > Date.now()) return "The customer is typing…";
  if (mine) return "You are answering. The assistant is silent.";
  if (status === "human") return `${assignee || "Somebody"} is answering this conversation.`;
  if (status === "waiting") return `The customer waits for ${assignee || "a person"}.`;
  if (status === "resolved") return "This conversation is closed.";
  return "The assistant answers. Taking over silences it at once.";
}

/** @param {string} text */
function trouble(text) {
  const place = document.getElementById("trouble");
  if (place) place.textContent = text;
}

/** @param {Record<string, unknown>} frame */
function tell(frame) {
  return connection.send(/** @type {any} */ (frame));
}

/** @param {{id: string, text: string}} message */
function send(message) {
  sent = message;
  tell({ type: "message.send", client_message_id: message.id, text: message.text });
}

function delivered() {
  const field = byId("reply-text", HTMLTextAreaElement);
  if (field.value.trim() === sent?.text) field.value = "";
  sent = null;
}

/** @param {{id: string, text: string}} draft */
function note(draft) {
  noted = draft;
  tell({ type: "staff.note", client_action_id: draft.id, text: draft.text });
}

function noteTaken() {
  const field = byId("note-text", HTMLTextAreaElement);
  if (field.value.trim() === noted?.text) field.value = "";
  noted = null;
  noting = Boolean(field.value);
}

function listenToTeam() {
  const field = byId("note-text", HTMLTextAreaElement);
  byId("write-note").addEventListener("click", () => {
    noting = !noting;
    draw();
    if (noting) field.focus();
  });
  byId("note").addEventListener("submit", (event) => {
    event.preventDefault();
    trouble("");
    const text = field.value.trim();
    if (text && !noted) note({ id: uuid(), text });
  });
  byId("assign").addEventListener("submit", (event) => {
    event.preventDefault();
    trouble("");
    const to = byId("assignee", HTMLSelectElement).value;
    tell({ type: "staff.assign", to: to ? Number(to) : null });
  });
}

function listen() {
  const field = byId("reply-text", HTMLTextAreaElement);
  byId("reply").addEventListener("submit", (event) => {
    event.preventDefault();
    trouble("");
    const text = field.value.trim();
    if (text && !sent) send({ id: uuid(), text });
  });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    byId("reply", HTMLFormElement).requestSubmit();
  });
  field.addEventListener("input", () => {
    if (Date.now() - lastTyping < TYPING_MS) return;
    lastTyping = Date.now();
    tell({ type: "typing", on: true });
  });
  const acts = { "take-over": "staff.takeover", release: "staff.release", resolve: "staff.resolve" };
  for (const [id, type] of Object.entries(acts)) {
    byId(id).addEventListener("click", () => {
      trouble("");
      tell({ type, from_colleague: boot.assign });
    });
  }
}

if (boot.answer) {
  listen();
  listenToTeam();
}
addEventListener("online", () => connection.wake());
addEventListener("pagehide", () => connection.pause());
addEventListener("pageshow", (event) => event.persisted && connection.start());
document.addEventListener("visibilitychange", () => document.hidden || connection.wake());
connection.start();
draw();
// Who comes to answer wants the last words before them.
if (boot.answer && live.querySelector(".facts")?.matches("[data-status=waiting], [data-status=human]")) {
  scrollTo({ top: document.documentElement.scrollHeight });
}
