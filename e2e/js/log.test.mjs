import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { announcements, plain } from "../../static/chat/announce.js";
import { EMPTY, messages, reduce, restore, running } from "../../static/chat/log.js";
import { codePoints, dropCodePoints, parse } from "../../static/chat/protocol.js";

const examples = JSON.parse(readFileSync(new URL("../../docs/protocol-examples.json", import.meta.url), "utf8"));
const FAMILY = "👩‍👩‍👧"; // five code points, eight UTF-16 units

const welcome = (events = [], more = {}) => ({
  type: "welcome",
  conversation: "c1",
  status: "bot",
  seq: events.at(-1)?.seq ?? 0,
  events,
  more: false,
  running: null,
  limits: { text: 4000, frame: 65536 },
  features: { handoff: true },
  ...more,
});
const message = (id, fields = {}) => ({
  ...{ id, client_message_id: null, role: "assistant", author: "", text: id, html: `<p>${id}</p>` },
  ...{ sources: [], suggestions: [], finish: "stop", mode: "llm", reply_to: null, feedback: 0 },
  created_at: "2026-11-22T09:41:00Z",
  ...fields,
});
const created = (seq, id, fields) => ({ type: "message.created", seq, message: message(id, fields) });
const started = (seq, id, replyTo = "q1") => ({ type: "answer.started", seq, message_id: id, reply_to: replyTo });
const delta = (id, offset, text) => ({ type: "answer.delta", message_id: id, offset, text });
const play = (frames, from = EMPTY) => frames.reduce(reduce, from);
const text = (state) => running(state)[0]?.text;

test("every example of a server frame is accepted, and the durable ones are counted", () => {
  let state = EMPTY;
  for (const [type, frame] of Object.entries(examples.server)) {
    const parsed = parse(JSON.stringify(frame));
    assert.equal(parsed?.type, type);
    state = reduce(state, parsed);
    assert.equal(state.stale, false, type);
  }
  assert.equal(state.seq, 12);
  assert.equal(state.status, "waiting");
  assert.equal(state.csat, "saved");
  assert.deepEqual(
    state.entries.map((entry) => entry.kind),
    ["message", "failure"],
  );
});

test("what is no frame, or of an unknown type, is ignored; an unknown durable type still counts", () => {
  for (const junk of ["", "{", "null", "[]", "7", '"x"', '{"a":1}', '{"type":"party"}']) assert.equal(parse(junk), null);
  assert.equal(parse(new ArrayBuffer(3)), null);
  const state = play([welcome(), parse('{"type":"party","seq":1}'), created(2, "a")]);
  assert.equal(state.seq, 2);
  assert.equal(state.stale, false);
});

test("a duplicate changes nothing", () => {
  const once = play([welcome(), created(1, "q1"), started(2, "a1"), delta("a1", 0, "Hello")]);
  assert.equal(play([created(1, "q1"), started(2, "a1"), delta("a1", 0, "Hello")], once), once);
});

test("a gap is not applied but asked for, and the backlog closes it", () => {
  const gapped = play([welcome(), created(1, "q1"), created(3, "late")]);
  assert.equal(gapped.stale, true);
  assert.deepEqual([gapped.seq, gapped.target, gapped.entries.length], [1, 3, 1]);
  const whole = reduce(gapped, welcome([created(2, "missed"), created(3, "late")]));
  assert.equal(whole.stale, false);
  assert.deepEqual(messages(whole).map(({ id }) => id), ["q1", "missed", "late"]);
});

test("a welcome that overlaps what is here adds only what is new", () => {
  const events = [created(1, "q1"), created(2, "a1")];
  const state = play([welcome(events), welcome([...events, created(3, "q2")])]);
  assert.deepEqual(messages(state).map(({ id }) => id), ["q1", "a1", "q2"]);
});

test("a backlog in pages is asked for to its end", () => {
  const first = reduce(EMPTY, welcome([created(1, "q1")], { seq: 2, more: true }));
  assert.equal(first.stale, true);
  const second = reduce(first, welcome([created(2, "a1")]));
  assert.deepEqual([second.stale, second.seq], [false, 2]);
});

test("another conversation begins from nothing", () => {
  const state = play([welcome([created(1, "q1")]), { ...welcome(), conversation: "c2" }]);
  assert.deepEqual([state.conversation, state.seq, state.entries.length], ["c2", 0, 0]);
});

test("offsets count code points, so that an emoji neither repeats nor loses text", () => {
  assert.equal(codePoints(FAMILY), 5);
  assert.equal(dropCodePoints(`${FAMILY}ab`, 6), "b");
  const begun = play([welcome(), started(1, "a1"), delta("a1", 0, `a${FAMILY}`)]);
  assert.equal(text(play([delta("a1", 6, "b")], begun)), `a${FAMILY}b`);
  assert.equal(text(play([delta("a1", 3, `${dropCodePoints(FAMILY, 2)}b`)], begun)), `a${FAMILY}b`);
});

test("a delta that begins after what is here asks for a resync, and the welcome brings the text", () => {
  const gapped = play([welcome(), started(1, "a1"), delta("a1", 0, "One "), delta("a1", 8, "three")]);
  assert.deepEqual([gapped.stale, text(gapped)], [true, "One "]);
  const run = { message_id: "a1", reply_to: "q1", stage: "writing", text: "One two three" };
  const whole = reduce(gapped, welcome([], { seq: 1, running: run }));
  assert.deepEqual([whole.stale, text(whole)], [false, "One two three"]);
  assert.equal(text(reduce(whole, delta("a1", 0, "One two three four"))), "One two three four");
});

test("a welcome older than the deltas that overtook it takes nothing back", () => {
  const ahead = play([welcome(), started(1, "a1"), delta("a1", 0, "One two")]);
  const run = { message_id: "a1", reply_to: "q1", stage: "writing", text: "One" };
  assert.equal(text(reduce(ahead, welcome([], { seq: 1, running: run }))), "One two");
});

test("the finished answer takes the place of the streaming one, also when later messages came between", () => {
  const state = play([welcome(), started(1, "a1"), created(2, "q2"), delta("a1", 0, "x"), created(3, "a1")]);
  assert.deepEqual(state.entries.map(({ id, kind }) => [id, kind]), [["a1", "message"], ["q2", "message"]]);
  assert.deepEqual(messages(state).map(({ id }) => id), ["q2", "a1"], "the log is in the order of the numbers");
  assert.equal(reduce(state, delta("a1", 1, "straggler")), state);
});

test("a failed answer stands until its retry replaces it", () => {
  const failed = { type: "answer.failed", seq: 2, message_id: "a1", code: "internal", text: "Sorry", retryable: true };
  const state = play([welcome(), started(1, "a1"), failed]);
  assert.equal(state.entries[0].kind, "failure");
  const again = play([{ type: "message.removed", seq: 3, id: "a1" }, started(4, "a2")], state);
  assert.deepEqual(again.entries.map(({ id }) => id), ["a2"]);
});

test("stages follow each other, a repeated one only changes its detail", () => {
  const stage = (name, detail) => ({ type: "answer.stage", message_id: "a1", stage: name, detail });
  const state = play([welcome(), started(1, "a1"), stage("queued"), stage("searching"), stage("searching", "Found 2")]);
  assert.deepEqual(running(state)[0].stages, [{ name: "searching", detail: "Found 2" }]);
  const writing = reduce(state, stage("writing"));
  assert.deepEqual(running(writing)[0].stages.map(({ name }) => name), ["searching", "writing"]);
});

test("an acknowledged number that has not come is known to be missing", () => {
  const state = play([welcome(), { type: "message.ack", client_message_id: "x", message_id: "q1", seq: 1 }]);
  assert.deepEqual([state.seq, state.target], [0, 1]);
});

test("a reset restores the history and goes on from its number", () => {
  const history = { conversation: "c1", status: "bot", seq: 9, messages: [message("q1"), message("a1")], running: null };
  const state = reduce(restore(EMPTY, history), created(10, "q2"));
  assert.deepEqual(messages(state).map(({ id }) => id), ["q1", "a1", "q2"]);
  assert.equal(state.seq, 10);
});

test("one history in any order of drops, doubles and resyncs gives the same log", () => {
  const all = [created(1, "q1"), started(2, "a1"), created(3, "a1"), created(4, "q2"), started(5, "a2"), created(6, "a2")];
  const wanted = messages(play([welcome(), ...all]));
  let seed = 7;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  for (let run = 0; run < 300; run += 1) {
    let state = reduce(EMPTY, welcome());
    for (const frame of all) {
      if (random() < 0.3) continue; // lost
      state = reduce(state, frame);
      if (random() < 0.3) state = reduce(state, frame); // doubled
      if (state.stale) state = reduce(state, welcome(all.filter(({ seq }) => seq > state.seq && seq <= frame.seq)));
    }
    state = reduce(state, welcome(all.slice(state.seq)));
    assert.deepEqual(messages(state), wanted);
  }
});

test("a screen reader hears that the answer begins and what it says, each once", () => {
  const before = play([welcome(), created(1, "q1", { role: "user" })]);
  const begun = reduce(before, started(2, "a1"));
  assert.deepEqual(announcements(before, begun), ["The assistant is answering."]);
  const grown = play([delta("a1", 0, "Press"), delta("a1", 5, " Save")], begun);
  assert.deepEqual(announcements(begun, grown), []);
  const done = reduce(grown, created(3, "a1", { text: "Press **Save**.[1]\n\n- now" }));
  assert.deepEqual(announcements(grown, done), ["Press Save.\nnow"]);
  assert.equal(plain("| Plan | Price |\n|---|---|\n| Starter | €9 |"), "Plan, Price\nStarter, €9");
});

test("what becomes of a transcript takes the place of what was known, and outlives a reset", () => {
  const told = (seq, delivery, state) => ({ type: "transcript.status", seq, delivery, email: "a…@mail.example", state });
  const state = play([welcome(), told(1, "d1", "waiting"), told(2, "d2", "queued"), told(3, "d1", "queued")]);
  const known = [
    { delivery: "d1", email: "a…@mail.example", state: "queued" },
    { delivery: "d2", email: "a…@mail.example", state: "queued" },
  ];
  assert.deepEqual(state.transcripts, known);
  const history = { conversation: "c1", status: "bot", seq: 900, messages: [], running: null, transcripts: known };
  assert.deepEqual(restore(EMPTY, history).transcripts, known);
  assert.deepEqual(reduce(state, welcome([], { conversation: "c2" })).transcripts, []);
});
