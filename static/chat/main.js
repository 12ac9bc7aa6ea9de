/**
 * The page: one state, one connection, one drawing. Frames and clicks change the state; `draw` shows it.
 *
 * @typedef {import("./protocol.js").ServerFrame} ServerFrame
 * @typedef {import("./log.js").State} State
 * @typedef {{socket: string, build: string, history: string, transcripts: {url: string, mails: boolean},
 *   limits: {text: number, frame: number, pictures?: number}}} Boot
 */

import { Actions } from "./actions.js";
import { Announcer } from "./announce.js";
import { copy, withSources } from "./clipboard.js";
import { Composer } from "./composer.js";
import { byId } from "./dom.js";
import { EMPTY, isAnswered, messages, openQuestion, reduce, restore, running } from "./log.js";
import { SourcePanel, setUpAddress, setUpGrades, setUpMenu, setUpNewConversation, toast } from "./panels.js";
import { setUpPictures } from "./picture-desk.js";
import { PictureStore } from "./picture-store.js";
import { uuid } from "./protocol.js";
import { Sending } from "./sending.js";
import { Connection } from "./socket.js";
import { tabStore } from "./storage.js";
import { Strip } from "./strip.js";
import { masked, setUpTranscripts } from "./transcripts.js";
import { VideoDialog } from "./video-dialog.js";
import { LogView } from "./view.js";

const TALKED = "joblynk.talked";
const MISSING_MS = 2_000; // an acked message should stand in the log by then
const TYPING_MS = 4_000;

/** @type {Boot} */
const boot = JSON.parse(byId("boot").textContent ?? "{}");
const store = tabStore();

/** @type {State} */
let state = EMPTY;
let stopCode = 0;
let welcomed = false;
let drawing = false;
let countdown = 0;
let lastTyping = 0;
let lastRead = 0;
let staffTyping = "";
const title = document.title;

const connection = new Connection({
  url: `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}${boot.socket}`,
  hello: () => ({
    type: "hello",
    last_seq: state.seq,
    ...(state.conversation ? { conversation: state.conversation } : {}),
    client: {
      build: boot.build,
      locale: navigator.language,
      tz: Intl.DateTimeFormat().resolvedOptions().timeZone,
    },
  }),
  onframe: receive,
  onlink: (link, code) => {
    stopCode = code;
    if (link === "open") pump();
    if (link === "waiting" || link === "stopped") {
      sending.unsend();
      actions.unsend();
      if (welcomed || link === "stopped") strip.lost();
    }
    draw();
  },
});
const actions = new Actions((frame) => connection.send(frame));
const bytes = new PictureStore();
const sending = new Sending(store, bytes, {
  send: (frame) => connection.send(frame),
  prove: () => connection.wake(),
  tell: toast,
  changed: draw,
});
const pictures = setUpPictures({
  ...{ store, bytes, sending, act, count: boot.limits.pictures, changed: draw },
  state: () => state,
  say: (text) => announcer.say(text),
  write: (hint = "") => composer.invite("", hint),
});

const desk = {
  ...pictures.desk,
  ask,
  resend: (/** @type {string} */ id) => sending.resend(id),
  discard(/** @type {string} */ id) {
    composer.takeFocus();
    sending.discard(id);
  },
  retry(/** @type {string} */ messageId) {
    composer.takeFocus();
    act({ type: "answer.retry", message_id: messageId }, (now) => !now.entries.some(({ id }) => id === messageId));
  },
  feedback(/** @type {string} */ messageId, /** @type {number} */ value, /** @type {string} */ reason = "", comment = "") {
    const detail = { ...(reason && { reason }), ...(comment && { comment }) };
    act({ type: "feedback.set", message_id: messageId, value, ...detail }, (now) => feedbackOf(now, messageId) === value);
  },
  handoff() {
    composer.takeFocus();
    act({ type: "handoff.request" }, (now) => now.status !== "bot");
  },
  rephrase: (/** @type {string} */ text) => composer.invite(text),
  openSource: (/** @type {import("./protocol.js").Source} */ source, /** @type {HTMLElement} */ marker) =>
    sourcePanel.open(source, marker),
  /** @type {import("./videos.js").OpenVideo} */
  openVideo: (messageId, video, card) => void videoDialog.open(messageId, video, card),
  async copy(/** @type {import("./protocol.js").Message} */ message) {
    const copied = await copy(withSources(message));
    announcer.say(copied ? "Copied" : "Copying is not allowed here");
    return copied;
  },
};

const view = new LogView(desk);
const announcer = new Announcer(byId("announcer"));
const sourcePanel = new SourcePanel();
const videoDialog = new VideoDialog(noteVideo, toast);
const composer = new Composer({ send: (text) => ask(text, pictures.tray.take()), stop, typing }, store, pictures.tray);
const strip = new Strip({
  leaveAddress: setUpAddress(leaveAddress),
  cancelHandoff: () => act({ type: "handoff.cancel" }, (now) => now.status !== "waiting"),
  reconnect: () => connection.wake(),
  redraw: draw,
});

const transcripts = setUpTranscripts({ store, ...boot.transcripts, send: email });

/** @param {string} address */
function email(address) {
  const told = (/** @type {State} */ now) => now.transcripts.some((one) => one.email === masked(address));
  act({ type: "transcript.email", email: address }, told);
}

/** The notice that confirms the address is the effect to wait for. @param {string} email */
function leaveAddress(email) {
  const told = (/** @type {State} */ now) =>
    now.entries.some((entry) => "message" in entry && entry.message.role === "system" && entry.message.text.includes(email));
  act({ type: "handoff.request", email }, told);
}

/** @param {ServerFrame} frame */
function receive(frame) {
  switch (frame.type) {
    case "reset":
      void refetch(frame.conversation);
      return;
    case "message.ack":
      sending.acked(frame.client_message_id);
      setTimeout(catchUp, MISSING_MS);
      break;
    case "rate.limited":
      limited(frame);
      break;
    case "error":
      refused(frame);
      break;
    case "notice":
      toast(frame.text);
      break;
    case "typing":
      staffTyping = frame.on ? (frame.author ?? state.assignee ?? "") : "";
      break;
  }
  advance(reduce(state, frame));
  if (frame.type === "welcome") {
    if (frame.more) connection.greet();
    else {
      welcomed = true;
      speak();
      pump();
    }
  }
}

/** @param {State} next */
function advance(next) {
  if (next !== state) {
    state = next;
    sending.settle(messages(state));
    actions.settle(state);
    if (welcomed) speak();
  }
  if (state.stale && welcomed) connection.resync();
  draw();
}

/** Something the server acknowledged has not come: ask for it. */
function catchUp() {
  if (state.target > state.seq) connection.resync();
}

/** @param {string} id */
async function refetch(id) {
  try {
    const response = await fetch(`${boot.history}?id=${encodeURIComponent(id)}`, { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(String(response.status));
    const features = state.features;
    advance({ ...restore({ ...EMPTY, csat: state.csat }, await response.json()), features });
    connection.greet();
  } catch {
    setTimeout(() => void refetch(id), 5_000);
  }
}

/** @param {string} text @param {import("./pictures.js").Picture[]} [shown] */
function ask(text, shown = []) {
  if (state.status === "resolved") return;
  composer.takeFocus();
  sending.add(text, shown);
  view.toBottom();
}

function pump() {
  actions.pump();
  sending.pump();
}

/** A question goes out later by itself, a click is to be repeated. @param {import("./protocol.js").LimitedFrame} frame */
function limited({ client_message_id: id, retry_after_ms: milliseconds, text }) {
  if (!id) return actions.refused(), toast(text);
  sending.limited(id, milliseconds);
}

/** @param {import("./protocol.js").ErrorFrame} frame */
function refused(frame) {
  if (frame.code === "not_found" && state.conversation) {
    sending.unsend(); // it was erased, or another visitor's: what was not said there is said in the next one
    goOn();
    toast("That conversation is no longer stored here. This is a new one.");
    return;
  }
  if (frame.client_message_id) {
    if (sending.failed(frame.client_message_id, frame)) announcer.say(`Not sent. ${frame.text}`);
    return;
  }
  actions.refused();
  toast(frame.text);
}

/**
 * @param {import("./protocol.js").ClientFrame} frame
 * @param {(state: State) => boolean} done
 */
function act(frame, done) {
  actions.add({ ...frame, client_action_id: uuid() }, done);
}

/** Stops the answer in work; before it has begun, the question names it. */
function stop() {
  const [answer] = running(state);
  if (answer) {
    const { id } = answer;
    act({ type: "answer.stop", message_id: id }, (now) => !running(now).some((entry) => entry.id === id));
    return;
  }
  const asked = sending.underWay?.id ?? openQuestion(state, Date.now())?.client_message_id;
  if (asked) act({ type: "answer.stop", client_message_id: asked }, (now) => isAnswered(now, asked));
}

function typing() {
  if (state.status !== "human" || Date.now() - lastTyping < TYPING_MS) return;
  lastTyping = Date.now();
  connection.send({ type: "typing", on: true });
}

/** Tells a person of the team how far the customer has seen. */
function read() {
  if (document.hidden || state.seq <= lastRead || (state.status !== "human" && state.status !== "waiting")) return;
  if (connection.send({ type: "read", up_to_seq: state.seq })) lastRead = state.seq;
}

/** What was said of a video comes back with its message; the rest may be lost. @type {import("./video-dialog.js").TellVideo} */
function noteVideo(messageId, videoId, event, second) {
  const frame = { type: "video.event", message_id: messageId, video_id: videoId, event, ...(second === null ? {} : { at: second }) };
  const value = { helped: 1, not_helped: -1 }[event];
  if (!value) return void connection.send(frame);
  actions.add(frame, (now) => {
    const said = messages(now).find(({ id }) => id === messageId)?.videos?.find(({ id }) => id === videoId);
    return !said || said.helped === value;
  });
}

function startOver() {
  sending.clear();
  pictures.tray.clear();
  const old = state.conversation;
  act({ type: "conversation.new" }, (now) => now.conversation !== old);
}

/** From a closed conversation to the newest open one; another tab may already have begun it. */
function goOn() {
  lastRead = 0;
  actions.refused();
  advance({ ...EMPTY, features: state.features });
  connection.greet();
}

/** @param {State} now @param {string} id */
function feedbackOf(now, id) {
  const entry = now.entries.find((other) => other.id === id);
  return entry?.kind === "message" ? entry.message.feedback : 0;
}

/** Draws once per frame; a hidden page has no frames, yet its title must tell the news. */
function draw() {
  if (drawing) return;
  const now = () => {
    drawing = false;
    show();
  };
  drawing = true;
  if (document.hidden) setTimeout(now, 250);
  else requestAnimationFrame(now);
}

function show() {
  const connected = connection.link === "open" && navigator.onLine;
  const { pausedUntil, underWay } = sending;
  const answering = connected && Boolean(running(state).length || underWay || openQuestion(state, Date.now()));
  view.render(state, sending.items, connected);
  composer.update({ answering, limit: state.textLimit, pausedUntil });
  clearTimeout(countdown);
  if (pausedUntil > Date.now()) countdown = setTimeout(draw, 1_000);
  strip.update({ link: connection.link, code: stopCode, network: navigator.onLine, state });
  showStatus();
  read();
}

function showStatus() {
  const { status, features, entries } = state;
  const talked = entries.length > 0 || sending.items.length > 0;
  if (welcomed) {
    if (talked) store.set(TALKED, "yes");
    else store.remove(TALKED);
  }
  byId("empty").hidden = talked || (!welcomed && store.get(TALKED) !== null);
  for (const part of document.querySelectorAll("[data-feature]")) {
    const name = /** @type {keyof typeof features} */ (part.getAttribute("data-feature"));
    part.toggleAttribute("hidden", !features[name]);
  }
  if (status !== "bot") byId("person").hidden = true;
  transcripts.update(state);
  document.body.dataset.status = status;
  const who = state.assignee ?? "A person";
  byId("presence").textContent = status === "human" ? (staffTyping ? `${who} is typing…` : `${who} is here`) : byId("presence").dataset.usual ?? "";
  byId("closed").hidden = status !== "resolved";
  byId("composer").hidden = status === "resolved";
  byId("hint").hidden = status === "resolved";
  byId("csat").hidden = state.csat === "saved" || !entries.length;
  byId("csat-thanks").hidden = state.csat !== "saved";
}

/** Tells a screen reader, and the tab's title when nobody looks. Not once per frame, as the page is drawn: a fast
 * answer begins and ends between two of them. */
function speak() {
  if (announcer.follow(state) && document.hidden) document.title = `● ${title}`;
}

for (const tile of document.querySelectorAll("[data-ask]")) {
  tile.addEventListener("click", () => ask(tile.getAttribute("data-ask") ?? ""));
}
byId("person").addEventListener("click", desk.handoff);
byId("go-on").addEventListener("click", goOn);
byId("transcript-button").addEventListener("click", () => transcripts.open());
byId("transcript-offer").addEventListener("click", () => transcripts.open());
setUpMenu({
  new: setUpNewConversation(startOver, () => transcripts.open()),
  email: () => transcripts.open(),
  download: () => transcripts.open("download"),
  print: () => window.print(),
});
setUpGrades((score) => act({ type: "csat.submit", score }, (now) => now.csat === "saved"));

addEventListener("online", () => (connection.wake(), sending.wake(), draw()));
addEventListener("offline", draw);
addEventListener("pagehide", () => connection.pause());
addEventListener("pageshow", (event) => event.persisted && connection.start());
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  document.title = title;
  connection.wake();
});

// For tests and for whoever debugs a page: what this browser believes.
Object.assign(window, {
  joblynk: {
    log: () => messages(state),
    state: () => state,
    outbox: () => sending.items,
    link: () => connection.link,
  },
});
connection.start();
strip.lost();
draw();
