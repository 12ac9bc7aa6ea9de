import assert from "node:assert/strict";
import { test } from "node:test";
import { Connection, backoff } from "../../static/chat/socket.js";

/** A socket the test plays the server of. */
class Socket {
  static made = [];
  readyState = 0;
  sent = [];
  closed = false;

  constructor(url, protocol) {
    Object.assign(this, { url, protocol });
    Socket.made.push(this);
  }
  send(text) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.closed = true;
    this.readyState = 3;
  }
  open() {
    this.readyState = 1;
    this.onopen();
  }
  receive(frame) {
    this.onmessage({ data: JSON.stringify(frame) });
  }
  end(code) {
    this.readyState = 3;
    this.onclose({ code });
  }
}

function connect(t) {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  Socket.made = [];
  const links = [];
  const frames = [];
  const connection = new Connection({
    url: "ws://host/ws/chat/",
    hello: () => ({ type: "hello", last_seq: 7 }),
    onframe: (frame) => frames.push(frame.type),
    onlink: (link, code) => links.push([link, code]),
    Socket,
    random: () => 0,
  });
  connection.start();
  return { connection, links, frames, tick: (ms) => t.mock.timers.tick(ms) };
}
const welcome = { type: "welcome", events: [] };
const latest = () => Socket.made.at(-1);
const enter = () => {
  latest().open();
  latest().receive(welcome);
};

test("waits grow from half a second to thirty at most, and two pages differ", () => {
  const waits = [0, 1, 2, 3, 4, 5, 6, 20, 2000].map((attempt) => backoff(attempt, () => 0));
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 16000, 20000, 20000, 20000]);
  assert.equal(backoff(20, () => 0.999999) <= 30_000, true);
  assert.notEqual(backoff(3, () => 0.1), backoff(3, () => 0.2));
});

test("it says hello with the protocol's name, and is open with the welcome", (t) => {
  const { connection, links } = connect(t);
  assert.equal(latest().protocol, "joblynk.v1");
  latest().open();
  assert.deepEqual(latest().sent, [{ type: "hello", last_seq: 7 }]);
  assert.equal(connection.send({ type: "typing" }), false);
  latest().receive(welcome);
  assert.equal(connection.send({ type: "typing" }), true);
  assert.deepEqual(links, [["connecting", 0], ["open", 0]]);
});

test("after a drop it comes back by itself, slower each time until it is welcomed", (t) => {
  const { tick } = connect(t);
  enter();
  latest().end(1006);
  tick(499);
  assert.equal(Socket.made.length, 1);
  tick(1);
  assert.equal(Socket.made.length, 2);
  latest().end(1006);
  tick(999);
  assert.equal(Socket.made.length, 2);
  tick(1);
  enter();
  latest().end(1012);
  tick(500);
  assert.equal(Socket.made.length, 4);
});

for (const code of [4400, 4401, 4403, 4426]) {
  test(`close code ${code} needs a reload`, (t) => {
    const { connection, links, tick } = connect(t);
    enter();
    latest().end(code);
    tick(120_000);
    connection.wake();
    connection.start();
    assert.equal(Socket.made.length, 1);
    assert.deepEqual(links.at(-1), ["stopped", code]);
  });
}

test("after a flood it waits half a minute", (t) => {
  const { tick } = connect(t);
  enter();
  latest().end(4429);
  tick(29_999);
  assert.equal(Socket.made.length, 1);
  tick(1);
  assert.equal(Socket.made.length, 2);
});

test("it pings every 20 s with the number of frames received, and gives up after 30 s of silence", (t) => {
  const { tick } = connect(t);
  enter();
  latest().receive({ type: "pong" });
  tick(20_000);
  const pings = latest().sent.filter(({ type }) => type === "ping");
  assert.deepEqual(pings.map(({ received }) => received), [1, 2]);
  const silent = latest();
  tick(10_000);
  assert.equal(silent.closed, true);
  tick(500);
  assert.equal(Socket.made.length, 2);
});

test("two hundred frames or 64 KiB are confirmed at once", (t) => {
  connect(t);
  enter();
  const pings = () => latest().sent.filter(({ type }) => type === "ping").length;
  for (let n = 0; n < 200; n += 1) latest().receive({ type: "answer.delta", text: "x" });
  assert.equal(pings(), 2);
  latest().receive({ type: "answer.delta", text: "é".repeat(33_000) });
  assert.equal(pings(), 3);
});

test("back from sleep the connection proves itself within 5 s or is replaced", (t) => {
  const { connection, tick } = connect(t);
  enter();
  connection.wake();
  latest().receive({ type: "pong" });
  tick(6_000);
  assert.equal(Socket.made.length, 1);
  connection.wake();
  tick(5_000);
  assert.equal(latest().closed, true);
  connection.wake();
  assert.equal(Socket.made.length, 2, "while waiting, waking connects at once");
});

test("a socket given up on has no say any more", (t) => {
  const { connection, frames, tick } = connect(t);
  enter();
  const old = latest();
  connection.wake();
  tick(5_000);
  old.receive({ type: "notice" });
  old.end(4426);
  assert.deepEqual(frames, ["welcome"]);
  assert.equal(connection.link, "waiting");
});

test("only one question for what is missing is open at a time", (t) => {
  const { connection, tick } = connect(t);
  enter();
  const hellos = () => latest().sent.filter(({ type }) => type === "hello").length;
  connection.resync();
  connection.resync();
  tick(250);
  connection.resync();
  tick(1_000);
  assert.equal(hellos(), 2);
  latest().receive(welcome);
  connection.resync();
  tick(250);
  assert.equal(hellos(), 3);
});

test("a server that never welcomes is left", (t) => {
  const { tick } = connect(t);
  latest().open();
  const mute = latest();
  tick(10_000);
  assert.equal(mute.closed, true);
});
