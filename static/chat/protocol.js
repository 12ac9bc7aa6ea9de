/**
 * The wire `joblynk.v1` as the browser reads it. `docs/protocol-examples.json` has one example of every frame.
 *
 * @typedef {"bot" | "waiting" | "human" | "resolved"} Status
 * @typedef {"queued" | "reading_image" | "searching" | "writing"} StageName
 *
 * @typedef {object} Source
 * @property {number} n                 number of the marker in the answer, from 1
 * @property {"document" | "faq" | "web"} kind
 * @property {string} title
 * @property {string} [heading]
 * @property {number | null} [page]
 * @property {boolean} [ocr]           read from a scan, so letters may be wrong
 * @property {string} quote
 * @property {string} [date]            day of the quoted version, YYYY-MM-DD
 * @property {string} [url]             only for the web
 *
 * @typedef {object} Reading           what was read from a picture
 * @property {string} text
 * @property {string} description
 * @property {string} reader            who read it: "groq", "offline", "" when nobody could
 * @property {number | null} confidence 0 to 1
 * @property {boolean} corrected        the text is the customer's
 *
 * @typedef {object} Attachment
 * @property {string} id
 * @property {string} url
 * @property {string} thumb_url
 * @property {number} width             in pixels
 * @property {number} height
 * @property {string} name
 * @property {Reading | null} reading   null until somebody has read it
 *
 * @typedef {object} Message
 * @property {string} id
 * @property {string | null} client_message_id
 * @property {"user" | "assistant" | "staff" | "system"} role
 * @property {string} author
 * @property {string} text              what was written; Markdown in answers
 * @property {string} html              made and sanitised by the server; empty for customers' messages
 * @property {Attachment[]} [attachments]
 * @property {Source[]} sources
 * @property {import("./videos.js").Video[]} [videos]
 * @property {string[]} suggestions
 * @property {"stop" | "stopped" | "interrupted" | "no_answer" | "error" | null} finish
 * @property {"faq" | "llm" | "offline" | "web" | "smalltalk" | "none" | null} mode
 * @property {string} [notice]          what the reader should know about how the answer came about
 * @property {string | null} reply_to
 * @property {-1 | 0 | 1} feedback
 * @property {string} created_at        ISO time
 *
 * @typedef {object} Features
 * @property {boolean} pictures
 * @property {boolean} videos
 * @property {boolean} email
 * @property {boolean} handoff
 * @property {boolean} web
 *
 * @typedef {{message_id: string, reply_to?: string | null, stage?: StageName, text?: string}} Running
 *
 * Durable frames: rows of the database, numbered without gaps in their conversation.
 * @typedef {{seq: number, at?: string}} Numbered
 * @typedef {Numbered & {type: "message.created" | "message.updated", message: Message}} MessageFrame
 * @typedef {Numbered & {type: "message.removed", id: string}} RemovedFrame
 * @typedef {Numbered & {type: "answer.started", message_id: string, reply_to: string | null}} StartedFrame
 * @typedef {Numbered & {type: "answer.failed", message_id: string, code: string, text: string,
 *   retryable: boolean, reply_to?: string | null}} FailedFrame
 * @typedef {Numbered & {type: "conversation.updated", status: Status, assignee?: string | null,
 *   queue_position?: number | null}} ConversationFrame
 * @typedef {Numbered & {type: "feedback.saved", message_id: string, value: -1 | 0 | 1}} FeedbackFrame
 * @typedef {Numbered & {type: "csat.requested"}} CsatRequestedFrame
 * @typedef {Numbered & {type: "csat.saved", score: number}} CsatSavedFrame
 * @typedef {"waiting" | "queued" | "accepted" | "delivered" | "bounced" | "dropped" | "failed" | "ambiguous"
 *   | "stored"} DeliveryState          of a transcript; "waiting" for the address to be confirmed
 * @typedef {{delivery: string, email: string, state: DeliveryState}} Delivery    `email` as "a…@mail.example"
 * @typedef {Numbered & Delivery & {type: "transcript.status"}} TranscriptFrame
 * @typedef {Numbered & {type: "unknown"}} UnknownDurableFrame    a type this build does not know: counted, not shown
 * @typedef {MessageFrame | RemovedFrame | StartedFrame | FailedFrame | ConversationFrame | FeedbackFrame
 *   | CsatRequestedFrame | CsatSavedFrame | TranscriptFrame | UnknownDurableFrame} DurableFrame
 *
 * Ephemeral frames: they may be lost.
 * @typedef {{type: "welcome", conversation: string, status: Status, seq: number, events: DurableFrame[], more: boolean,
 *   running: Running | null, limits: {text: number, frame: number}, features: Features, build: string,
 *   assignee?: string | null}} WelcomeFrame
 * @typedef {{type: "reset", conversation: string, reason: string}} ResetFrame
 * @typedef {{type: "message.ack", client_message_id: string, message_id: string, seq: number}} AckFrame
 * @typedef {{type: "answer.stage", message_id: string, stage: StageName, detail?: string}} StageFrame
 * @typedef {{type: "answer.delta", message_id: string, offset: number, text: string}} DeltaFrame
 * @typedef {{type: "rate.limited", scope: string, retry_after_ms: number, text: string,
 *   client_message_id?: string}} LimitedFrame
 * @typedef {{type: "error", code: string, text: string, ref?: string, client_message_id?: string,
 *   client_action_id?: string, retryable?: boolean}} ErrorFrame
 * @typedef {{type: "notice", text: string}} NoticeFrame
 * @typedef {{type: "typing", on: boolean, author?: string}} TypingFrame
 * @typedef {{type: "presence"} | {type: "read"} | {type: "pong", t?: number}} QuietFrame
 * @typedef {WelcomeFrame | ResetFrame | AckFrame | StageFrame | DeltaFrame | LimitedFrame | ErrorFrame | NoticeFrame
 *   | TypingFrame | QuietFrame} EphemeralFrame
 *
 * @typedef {DurableFrame | EphemeralFrame} ServerFrame
 * @typedef {{type: string, [field: string]: unknown}} ClientFrame
 *
 * What `GET /api/conversation/` answers after a `reset`.
 * @typedef {{conversation: string, status: Status, seq: number, messages: Message[], running: Running | null,
 *   transcripts?: Delivery[]}} History
 */

export const SUBPROTOCOL = "joblynk.v1";

const DURABLE = new Set([
  "message.created",
  "message.updated",
  "message.removed",
  "answer.started",
  "answer.failed",
  "conversation.updated",
  "feedback.saved",
  "csat.requested",
  "csat.saved",
  "transcript.status",
]);
const EPHEMERAL = new Set([
  "welcome",
  "reset",
  "message.ack",
  "answer.stage",
  "answer.delta",
  "rate.limited",
  "error",
  "notice",
  "typing",
  "presence",
  "read",
  "pong",
  "team.changed", // on the team's pages
]);

/**
 * One frame from the socket; null for what is no frame or of an unknown, ephemeral type.
 * An unknown *durable* type comes back as `unknown`: its number counts although nobody can show it.
 * @param {unknown} data
 * @returns {ServerFrame | null}
 */
export function parse(data) {
  if (typeof data !== "string") return null;
  let frame;
  try {
    frame = JSON.parse(data);
  } catch {
    return null;
  }
  if (frame === null || typeof frame !== "object") return null;
  if (DURABLE.has(frame.type)) return Number.isInteger(frame.seq) ? frame : null;
  if (EPHEMERAL.has(frame.type)) return frame;
  return Number.isInteger(frame.seq) ? { type: "unknown", seq: frame.seq } : null;
}

/**
 * How many characters the server counts: code points, not UTF-16 units.
 * @param {string} text
 */
export function codePoints(text) {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/**
 * `text` without its first `count` code points.
 * @param {string} text
 * @param {number} count
 */
export function dropCodePoints(text, count) {
  let at = 0;
  for (; count > 0 && at < text.length; count -= 1) at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  return text.slice(at);
}

/** A UUID. `randomUUID` exists on https and localhost only; plain http in a local network has just the bytes. */
export function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
