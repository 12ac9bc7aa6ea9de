/**
 * What this conversation holds, as a pure reducer: `reduce(state, frame) → state`.
 *
 * Durable frames are applied in the order of their numbers, each once. A frame that shows that something is missing
 * (a gap, a delta that begins after what is here) changes nothing but `stale`, and the page says `hello` again.
 *
 * @typedef {import("./protocol.js").ServerFrame} ServerFrame
 * @typedef {import("./protocol.js").DurableFrame} DurableFrame
 * @typedef {import("./protocol.js").Message} Message
 * @typedef {import("./protocol.js").Running} Running
 * @typedef {import("./protocol.js").StageName} StageName
 *
 * @typedef {{name: StageName, detail: string}} Stage
 * @typedef {{kind: "message", id: string, seq: number, message: Message}} MessageEntry
 * @typedef {{kind: "answer", id: string, seq: number, replyTo: string | null, stages: Stage[], text: string,
 *   length: number}} AnswerEntry           an answer that is being written; `length` in code points
 * @typedef {{kind: "failure", id: string, seq: number, at: string, replyTo: string | null, code: string, text: string,
 *   retryable: boolean}} FailureEntry
 * @typedef {MessageEntry | AnswerEntry | FailureEntry} Entry
 *
 * @typedef {object} State
 * @property {string | null} conversation
 * @property {import("./protocol.js").Status} status
 * @property {string | null} assignee
 * @property {number | null} queuePosition
 * @property {number} seq               the last durable event applied
 * @property {number} target            the highest number heard of; above `seq` something is missing
 * @property {boolean} stale            say `hello` again
 * @property {readonly Entry[]} entries
 * @property {"none" | "requested" | "saved"} csat
 * @property {readonly import("./protocol.js").Delivery[]} transcripts  by e-mail, in the order of asking
 * @property {import("./protocol.js").Features} features
 * @property {number} textLimit
 */

import { codePoints, dropCodePoints } from "./protocol.js";

const OPEN_MS = 60_000; // a question that old gets no answer any more

/** @type {State} */
export const EMPTY = Object.freeze({
  conversation: null,
  status: "bot",
  assignee: null,
  queuePosition: null,
  seq: 0,
  target: 0,
  stale: false,
  entries: [],
  csat: "none",
  transcripts: [],
  features: { pictures: false, videos: false, email: false, handoff: false, web: false },
  textLimit: 4000,
});

/**
 * @param {State} state
 * @param {ServerFrame} frame
 * @returns {State} the same object when nothing changed
 */
export function reduce(state, frame) {
  switch (frame.type) {
    case "welcome":
      return welcomed(state, frame);
    case "message.ack":
      return frame.seq > state.target ? { ...state, target: frame.seq } : state;
    case "answer.stage":
      return staged(state, frame.message_id, frame.stage, frame.detail ?? "");
    case "answer.delta":
      return grown(state, frame);
    default:
      return "seq" in frame ? numbered(state, frame) : state;
  }
}

/**
 * The conversation as the server tells it by HTTP, after a `reset`.
 * @param {State} state
 * @param {import("./protocol.js").History} history
 * @returns {State}
 */
export function restore(state, history) {
  const entries = history.messages.map((message, index) => messageEntry(index + 1, message));
  const { conversation, status, seq, running, transcripts = [] } = history;
  return withRunning({ ...state, conversation, status, seq, target: seq, stale: false, entries, transcripts }, running);
}

/**
 * The durable messages in the order of their numbers, as the server sent them.
 * @param {State} state
 * @returns {Message[]}
 */
export function messages(state) {
  return state.entries
    .filter((entry) => entry.kind === "message")
    .sort((a, b) => a.seq - b.seq)
    .map((entry) => entry.message);
}

/**
 * The answers that are being written, oldest first.
 * @param {State} state
 * @returns {AnswerEntry[]}
 */
export function running(state) {
  return state.entries.filter((entry) => entry.kind === "answer");
}

/**
 * The last stored question when nothing followed it yet.
 * @param {State} state
 * @param {number} now  epoch milliseconds
 * @returns {Message | undefined}
 */
export function openQuestion(state, now) {
  const last = state.entries.at(-1);
  const open = last?.kind === "message" && last.message.role === "user" && state.status !== "human";
  return open && now - Date.parse(last.message.created_at) < OPEN_MS ? last.message : undefined;
}

/**
 * @param {State} state
 * @param {string} asked  `client_message_id` of the question
 */
export function isAnswered(state, asked) {
  const question = state.entries.find((entry) => entry.kind === "message" && entry.message.client_message_id === asked);
  return state.entries.some((entry) => entry.kind === "message" && question && entry.message.reply_to === question.id);
}

/**
 * @param {State} state
 * @param {import("./protocol.js").WelcomeFrame} frame
 * @returns {State}
 */
function welcomed(state, frame) {
  const same = frame.conversation === state.conversation;
  const start = same ? state : { ...EMPTY, conversation: frame.conversation };
  // A backlog is complete by definition: its numbers are taken as they come, so a resync can never loop.
  const caughtUp = frame.events
    .filter((event) => event.seq > start.seq)
    .reduce((past, event) => ({ ...apply(past, event), seq: event.seq }), start);
  const seq = frame.more ? caughtUp.seq : Math.max(caughtUp.seq, frame.seq);
  const target = Math.max(start.target, frame.seq, seq);
  return withRunning(
    {
      ...caughtUp,
      status: frame.more ? caughtUp.status : frame.status,
      seq,
      target,
      stale: frame.more || target > seq,
      features: { ...EMPTY.features, ...frame.features },
      textLimit: frame.limits?.text ?? EMPTY.textLimit,
    },
    frame.more ? null : frame.running,
  );
}

/**
 * @param {State} state
 * @param {DurableFrame} frame
 * @returns {State}
 */
function numbered(state, frame) {
  if (frame.seq <= state.seq) return state;
  if (frame.seq > state.seq + 1) return { ...state, target: Math.max(state.target, frame.seq), stale: true };
  return { ...apply(state, frame), seq: frame.seq, target: Math.max(state.target, frame.seq) };
}

/**
 * @param {State} state
 * @param {DurableFrame} frame
 * @returns {State}
 */
function apply(state, frame) {
  switch (frame.type) {
    case "message.created":
      return place(state, messageEntry(frame.seq, frame.message));
    case "message.updated":
      return change(state, frame.message.id, (entry) =>
        entry.kind === "message" ? { ...entry, message: frame.message } : entry,
      );
    case "message.removed":
      return { ...state, entries: state.entries.filter((entry) => entry.id !== frame.id) };
    case "answer.started":
      return place(state, {
        kind: "answer",
        id: frame.message_id,
        seq: frame.seq,
        replyTo: frame.reply_to,
        stages: [],
        text: "",
        length: 0,
      });
    case "answer.failed":
      return place(state, {
        kind: "failure",
        id: frame.message_id,
        seq: frame.seq,
        at: frame.at ?? "",
        replyTo: frame.reply_to ?? null,
        code: frame.code,
        text: frame.text,
        retryable: frame.retryable,
      });
    case "conversation.updated":
      return {
        ...state,
        status: frame.status,
        assignee: frame.assignee ?? null,
        queuePosition: frame.queue_position ?? null,
      };
    case "feedback.saved":
      return change(state, frame.message_id, (entry) =>
        entry.kind === "message" ? { ...entry, message: { ...entry.message, feedback: frame.value } } : entry,
      );
    case "csat.requested":
      return { ...state, csat: "requested" };
    case "csat.saved":
      return { ...state, csat: "saved" };
    case "transcript.status":
      return { ...state, transcripts: delivered(state.transcripts, frame) };
    default:
      return state;
  }
}

/**
 * @param {number} seq
 * @param {Message} message
 * @returns {MessageEntry}
 */
function messageEntry(seq, message) {
  return { kind: "message", id: message.id, seq, message };
}

/**
 * @param {readonly import("./protocol.js").Delivery[]} known
 * @param {import("./protocol.js").TranscriptFrame} frame
 */
function delivered(known, { delivery, email, state }) {
  const now = { delivery, email, state };
  const old = known.some((one) => one.delivery === delivery);
  return old ? known.map((one) => (one.delivery === delivery ? now : one)) : [...known, now];
}

/**
 * Puts an entry where its id already stands (the finished answer takes its streaming place), else at the end.
 * @param {State} state
 * @param {Entry} entry
 * @returns {State}
 */
function place(state, entry) {
  const known = state.entries.some(({ id }) => id === entry.id);
  return known ? change(state, entry.id, () => entry) : { ...state, entries: [...state.entries, entry] };
}

/**
 * @param {State} state
 * @param {string} id
 * @param {(entry: Entry) => Entry} update
 * @returns {State}
 */
function change(state, id, update) {
  return { ...state, entries: state.entries.map((entry) => (entry.id === id ? update(entry) : entry)) };
}

/**
 * @param {State} state
 * @param {string} id
 * @param {StageName} name
 * @param {string} detail
 * @returns {State}
 */
function staged(state, id, name, detail) {
  return change(state, id, (entry) => {
    if (entry.kind !== "answer") return entry;
    const earlier = entry.stages.filter((stage) => stage.name !== name && stage.name !== "queued");
    const before = entry.stages.find((stage) => stage.name === name);
    return { ...entry, stages: [...earlier, { name, detail: detail || before?.detail || "" }] };
  });
}

/**
 * @param {State} state
 * @param {import("./protocol.js").DeltaFrame} frame
 * @returns {State}
 */
function grown(state, frame) {
  const entry = state.entries.find(({ id }) => id === frame.message_id);
  if (!entry) return { ...state, stale: true };
  if (entry.kind !== "answer") return state; // it has ended: a straggler
  if (frame.offset > entry.length) return { ...state, stale: true };
  const fresh = dropCodePoints(frame.text, entry.length - frame.offset);
  if (!fresh) return state;
  const longer = { ...entry, text: entry.text + fresh, length: entry.length + codePoints(fresh) };
  return change(state, entry.id, () => longer);
}

/**
 * What the server says about the answer in work. It has everything so far; deltas that overtook it may have more.
 * @param {State} state
 * @param {Running | null} run
 * @returns {State}
 */
function withRunning(state, run) {
  if (!run) return state;
  const { message_id: id, text = "", stage } = run;
  const known = state.entries.find((entry) => entry.id === id);
  if (known && known.kind !== "answer") return state;
  /** @type {AnswerEntry} */
  const entry = known ?? {
    kind: "answer",
    id,
    seq: state.seq,
    replyTo: run.reply_to ?? null,
    stages: [],
    text: "",
    length: 0,
  };
  const length = codePoints(text);
  const placed = place(state, length > entry.length ? { ...entry, text, length } : entry);
  return stage ? staged(placed, id, stage, "") : placed;
}
