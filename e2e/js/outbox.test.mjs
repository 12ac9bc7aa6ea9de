import assert from "node:assert/strict";
import { test } from "node:test";
import { Actions } from "../../static/chat/actions.js";
import { EMPTY } from "../../static/chat/log.js";
import { Outbox } from "../../static/chat/outbox.js";
import { tabStore } from "../../static/chat/storage.js";

/** What `sessionStorage` does, for one tab that is reloaded. */
function storage() {
  const kept = new Map();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  };
}
const forbidden = () => {
  throw new DOMException("denied", "SecurityError");
};
const full = () => ({ ...storage(), setItem: forbidden });
const states = (outbox) => outbox.items.map(({ text, state }) => [text, state]);

test("what has no ack goes out again after a drop and after a reload, under its id", () => {
  const tab = storage();
  const outbox = new Outbox(tabStore(() => tab));
  const { id } = outbox.add("hello");
  outbox.sent(id);
  assert.deepEqual(outbox.ready(0), []);
  outbox.unsend();
  assert.deepEqual(outbox.ready(0).map((item) => item.id), [id]);
  outbox.sent(id);
  const reloaded = new Outbox(tabStore(() => tab));
  assert.deepEqual(reloaded.ready(0).map((item) => item.id), [id]);
});

test("what broke inside the server goes out again under its id, ever later, and in the end the customer decides", () => {
  const outbox = new Outbox(tabStore(storage));
  const { id } = outbox.add("hello");
  outbox.add("behind it");
  let now = 0;
  for (const pause of [1_000, 2_000, 4_000, 8_000, 15_000]) {
    outbox.sent(id);
    assert.equal(outbox.again(id, now), pause);
    assert.deepEqual(outbox.ready(now + pause - 1), []);
    now += pause;
    assert.deepEqual(outbox.ready(now).map(({ text }) => text), ["hello", "behind it"]);
    assert.equal(outbox.items[0].id, id);
  }
  assert.equal(outbox.again(id, now), 0);
  outbox.failed(id, "Something went wrong.");
  outbox.retry(id);
  assert.equal(outbox.again(outbox.items[0].id, now), 1_000);
});

test("what is acknowledged is not sent again, and leaves when it stands in the log", () => {
  const tab = storage();
  const outbox = new Outbox(tabStore(() => tab));
  const { id } = outbox.add("hello");
  outbox.acked(id);
  outbox.unsend();
  assert.deepEqual(outbox.ready(0), []);
  assert.deepEqual(new Outbox(tabStore(() => tab)).items, []);
  outbox.settle(new Set([id]));
  assert.deepEqual(outbox.items, []);
});

for (const [name, open] of Object.entries({ forbidden, full })) {
  test(`with ${name} storage the outbox works from memory`, () => {
    const outbox = new Outbox(tabStore(open));
    outbox.add("hello");
    assert.deepEqual(states(outbox), [["hello", "waiting"]]);
  });
}

test("damaged storage is an empty outbox", () => {
  for (const damaged of ["{", "7", '{"a":1}', '[null, 3, {"id": 5}]']) {
    const store = tabStore(() => ({ ...storage(), getItem: () => damaged }));
    assert.deepEqual(new Outbox(store).items, []);
  }
});

test("a message that has to pause holds back those behind it, and only until its time", () => {
  const outbox = new Outbox(tabStore(storage));
  const first = outbox.add("first");
  outbox.add("second");
  outbox.limited(first.id, 5000);
  assert.deepEqual(outbox.ready(4999), []);
  assert.deepEqual(outbox.ready(5000).map(({ text }) => text), ["first", "second"]);
});

test("a refused message waits for the customer, who retries it under a new id or deletes it", () => {
  const outbox = new Outbox(tabStore(storage));
  const { id } = outbox.add("hello");
  outbox.failed(id, "Something went wrong.");
  assert.deepEqual(outbox.ready(0), []);
  outbox.retry(id);
  assert.notEqual(outbox.items[0].id, id);
  assert.deepEqual(states(outbox), [["hello", "waiting"]]);
  outbox.remove(outbox.items[0].id);
  assert.deepEqual(outbox.items, []);
});

test("an action is kept through a drop until its effect is visible", () => {
  let online = false;
  const wire = [];
  const actions = new Actions((frame) => online && wire.push(frame.type) > 0);
  actions.add({ type: "handoff.request" }, (state) => state.status !== "bot");
  assert.deepEqual(wire, []);
  online = true;
  actions.pump();
  actions.pump();
  actions.unsend();
  actions.pump();
  assert.deepEqual(wire, ["handoff.request", "handoff.request"]);
  actions.settle({ ...EMPTY, status: "waiting" });
  actions.unsend();
  actions.pump();
  assert.equal(wire.length, 2);
});

test("an action that the server refused is not tried again", () => {
  const wire = [];
  const actions = new Actions((frame) => wire.push(frame.type) > 0);
  actions.add({ type: "answer.retry" }, () => false);
  actions.refused();
  actions.unsend();
  actions.pump();
  assert.equal(wire.length, 1);
});
