import assert from "node:assert/strict";
import { test } from "node:test";
import { PictureStore } from "../../static/chat/picture-store.js";
import { Outbox } from "../../static/chat/outbox.js";
import { tabStore } from "../../static/chat/storage.js";
import { Uploads, verdict } from "../../static/chat/uploads.js";

const memory = () => {
  const kept = new Map();
  return { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value), removeItem: (key) => kept.delete(key) };
};
const picture = (key) => ({ key, name: `${key}.png`, width: 1, height: 1 });
const there = (id) => ({ id, thumb_url: `/${id}/thumb/` });
const texts = (items) => items.map(({ text }) => text);

test("a message waits for its pictures, and those behind it wait with it", () => {
  const outbox = new Outbox(tabStore(memory));
  outbox.add("first");
  outbox.add("", [picture("a"), picture("b")]);
  outbox.add("last", [picture("c")]);
  assert.deepEqual(texts(outbox.ready(0)), ["first"]);
  assert.deepEqual(outbox.wanted.map(({ key }) => key), ["a", "b", "c"]);
  outbox.uploaded("b", there("B"));
  outbox.uploaded("c", there("C"));
  assert.deepEqual(texts(outbox.ready(0)), ["first"]);
  outbox.uploaded("a", there("A"));
  assert.deepEqual(texts(outbox.ready(0)), ["first", "", "last"]);
  assert.deepEqual(outbox.items[1].pictures.map(({ attachment }) => attachment), ["A", "B"]);
});

test("a picture that is refused stops only its own message, until it is retried or taken out", () => {
  const outbox = new Outbox(tabStore(memory));
  const { id } = outbox.add("look", [picture("a"), picture("b")]);
  outbox.add("behind");
  outbox.troubled("a", "Too dark.");
  assert.deepEqual([outbox.items[0].state, outbox.items[0].reason], ["failed", "Too dark."]);
  assert.deepEqual(texts(outbox.ready(0)), ["behind"]);
  outbox.retry(id);
  assert.deepEqual(outbox.wanted.map(({ key, trouble }) => [key, trouble]), [["a", undefined], ["b", undefined]]);
  outbox.troubled("a", "Too dark.");
  const again = outbox.items[0].id;
  outbox.removePicture(again, "b");
  assert.equal(outbox.items[0].state, "failed");
  outbox.removePicture(again, "a");
  assert.deepEqual(texts(outbox.ready(0)), ["look", "behind"]);
});

test("a message of nothing but its last picture goes when that is taken out", () => {
  const outbox = new Outbox(tabStore(memory));
  const { id } = outbox.add("", [picture("a")]);
  outbox.removePicture(id, "a");
  assert.deepEqual(outbox.items, []);
});

test("pictures that the server has forgotten go again, if their bytes are here", () => {
  const tab = memory();
  const outbox = new Outbox(tabStore(() => tab));
  const { id } = outbox.add("old", [picture("a"), picture("b")]);
  outbox.uploaded("a", there("A"));
  outbox.uploaded("b", there("B"));
  const reloaded = new Outbox(tabStore(() => tab));
  reloaded.reupload(id, (key) => key === "a");
  assert.deepEqual(reloaded.wanted, [picture("a")]);
});

test("what an answer of the server means for a picture", () => {
  const calm = { tries: 0, failures: 0 };
  const judged = (status, body = "", retryAfter = null, before = calm) =>
    verdict(status, typeof body === "string" ? body : JSON.stringify(body), retryAfter, before, () => 0);
  assert.equal(judged(201, { id: "A", thumb_url: "/t" }).attachment.id, "A");
  assert.equal(judged(201, "<html>").kind, "refused");
  assert.deepEqual([judged(0).kind, judged(0).words], ["again", ""]);
  assert.match(judged(0, "", null, { tries: 9, failures: 0 }).words, /keeps breaking off/);
  assert.equal(judged(429, { retry_after_ms: 2500 }).delay, 2500);
  assert.equal(judged(429, "", "7").delay, 7000);
  assert.equal(judged(429, { text: "Enough." }, "900").words, "Enough.");
  assert.equal(judged(503).kind, "again");
  assert.equal(judged(503, "", null, { tries: 9, failures: 4 }).kind, "refused");
  assert.match(judged(403, "<html>CSRF").words, /Reload/);
  assert.match(judged(413, "<html>nginx").words, /too large/);
  assert.equal(judged(400, { text: "Damaged." }).words, "Damaged.");
});

/** A request whose end the test decides. */
class Request {
  upload = {};
  status = 0;
  responseText = "";
  sent = false;
  aborted = false;
  open() {}
  setRequestHeader() {}
  getResponseHeader() {
    return null;
  }
  send() {
    this.sent = true;
  }
  abort() {
    this.aborted = true;
  }
  end(status, body) {
    [this.status, this.responseText] = [status, JSON.stringify(body ?? {})];
    this.onloadend();
  }
}

function uploads(online = () => true) {
  const requests = [];
  const told = [];
  const made = new Uploads({
    url: "/u/",
    token: () => "t",
    blob: (key) => (key === "lost" ? undefined : new Blob([key])),
    done: (key, { id }) => told.push(["done", key, id]),
    refused: (key, words) => told.push(["refused", key, words]),
    changed: () => {},
    online,
    request: () => (requests.push(new Request()), requests.at(-1)),
  });
  return { made, requests, told };
}

test("two pictures are under way at a time, the next follows, and what is not wanted any more is broken off", () => {
  const { made, requests, told } = uploads();
  const all = ["a", "b", "c"].map((key) => ({ key, name: key }));
  made.sync(all);
  assert.equal(requests.length, 2);
  requests[0].upload.onprogress({ loaded: 1, total: 4 });
  assert.equal(made.progress("a").share, 0.25);
  requests[0].end(201, { id: "A" });
  assert.deepEqual(told, [["done", "a", "A"]]);
  made.sync([{ key: "c", name: "c" }]);
  assert.equal(requests[1].aborted, true);
  requests[1].end(0); // its end is nobody's business
  assert.equal(requests.at(-1).sent, true);
  made.sync([]);
  assert.ok(requests.slice(1).every(({ aborted }) => aborted));
});

test("without a network nothing is tried, and all of it when the network is back", () => {
  let online = false;
  const { made, requests } = uploads(() => online);
  made.sync([{ key: "a", name: "a" }]);
  assert.equal(requests.length, 0);
  online = true;
  made.wake();
  requests[0].end(0);
  assert.equal(requests.length, 1);
  made.wake();
  assert.equal(requests.length, 2);
  made.sync([]);
});

test("where nothing can be kept, pictures live as long as the page", async () => {
  for (const open of [async () => null, async () => ({ transaction: () => assert.fail("closed") })]) {
    const store = new PictureStore(open);
    const blob = new Blob(["x"]);
    store.put("a", blob);
    assert.equal(store.blob("a"), blob);
    assert.match(store.url("a"), /^blob:/);
    await store.restore(["a", "b"]);
    assert.deepEqual([store.blob("a"), store.blob("b")], [blob, undefined]);
    store.drop("a");
    assert.equal(store.url("a"), "");
  }
});

test("a picture whose bytes are gone is said to be gone", () => {
  const { made, told } = uploads();
  made.sync([{ key: "lost", name: "x" }]);
  assert.match(told[0][2], /no longer here/);
});
