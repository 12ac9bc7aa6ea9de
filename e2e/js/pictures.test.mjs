import assert from "node:assert/strict";
import { test } from "node:test";
import { Boxes, between, middle, moved, resized } from "../../static/chat/boxes.js";
import { LIMITS, refusal, sniff, tooMany } from "../../static/chat/pictures.js";

const bytes = (...parts) => Uint8Array.from(parts.flatMap((part) => (typeof part === "string" ? [...part].map((c) => c.charCodeAt(0)) : part)));
const u16 = (n) => [n >> 8, n & 255];
const u32 = (n) => [...u16(n >>> 16), ...u16(n & 0xffff)];
const png = (width, height) => bytes("\x89PNG\r\n\x1a\n", u32(13), "IHDR", u32(width), u32(height));
const exif = (size) => bytes([0xff, 0xe1], u16(size + 2), new Array(size).fill(0));
const frame = (marker, width, height) => bytes([0xff, marker], u16(11), [8], u16(height), u16(width), [3, 1, 2, 3]);
const jpeg = (...segments) => bytes([0xff, 0xd8], ...segments.map((segment) => [...segment]));
const webp = (chunk, ...parts) => bytes("RIFF", u32(0), "WEBP", chunk, u32(0), ...parts, new Array(20).fill(0));

test("a picture is known by its bytes, and its size is read before it is decoded", () => {
  const known = [
    [png(640, 480), "png", 640, 480],
    [bytes("GIF89a", [0x40, 1, 0xf0, 0]), "gif", 320, 240],
    [jpeg(exif(60_000), frame(0xc4, 1, 1), [0xff], frame(0xc2, 4000, 3000)), "jpeg", 4000, 3000],
    [webp("VP8 ", [0, 0, 0], [0x9d, 1, 0x2a], [0x80, 0x02], [0xe0, 0x01]), "webp", 640, 480],
    [webp("VP8L", [0x2f], [0x7f, 0xc2, 0x77, 0]), "webp", 640, 480],
    [webp("VP8X", [0, 0, 0, 0], [0x7f, 2, 0], [0xdf, 1, 0]), "webp", 640, 480],
    [bytes(u32(24), "ftypheic", u32(0)), "heic", 0, 0],
  ];
  for (const [data, kind, width, height] of known) assert.deepEqual(sniff(data), { kind, width, height }, kind);
});

test("what is no picture, or only its beginning, does not pass for one and breaks nothing", () => {
  for (const other of ["", "GIF8", "<svg xmlns=", "<!doctype html>", "%PDF-1.7", "PK\x03\x04", "\0\0\0\x18ftypmp42"]) {
    assert.equal(sniff(bytes(other)), null, other);
  }
  assert.equal(sniff(bytes("\x89PNG\r\n\x1a\n")), null);
  for (let length = 3; length < 40; length += 1) {
    const cut = jpeg(exif(8), frame(0xc0, 4000, 3000)).subarray(0, length);
    assert.ok([0, 4000].includes(sniff(cut)?.width), String(length));
  }
  assert.deepEqual(sniff(jpeg([0xff, 0xe0, 0, 2, 3, 4, 5, 6, 7, 8])), { kind: "jpeg", width: 0, height: 0 });
});

test("each refusal says what is wrong and what would do", () => {
  const refused = (size, header, name = "shot.png") => refusal({ name, size }, header, LIMITS);
  const fine = sniff(png(5000, 5000));
  assert.equal(refused(LIMITS.bytes, fine), "");
  assert.match(refused(0, null), /“shot.png” is empty/);
  assert.match(refused(9, null), /PNG, JPEG, WebP, GIF or HEIC/);
  assert.match(refused(LIMITS.bytes + 1, fine), /has 10\.1 MB; a picture may have up to 10 MB/);
  assert.match(refused(9, sniff(png(5001, 5000))), /26 megapixels; a picture may have up to 25/);
  assert.match(refused(0, null, `${"a".repeat(40)}-end.png`), /“a{18}…aaaa-end\.png”/);
  assert.match(refused(0, null, ""), /^That is empty/);
  assert.match(tooMany(4), /up to 4 pictures/);
});

const picture = { width: 100, height: 60 };

test("a drawn box covers every pixel it touched and nothing outside the picture", () => {
  assert.deepEqual(between({ x: 30.6, y: 20.2 }, { x: 10.4, y: 5.9 }, picture), { x: 10, y: 5, width: 21, height: 16 });
  assert.deepEqual(between({ x: -9, y: -9 }, { x: 900, y: 900 }, picture), { x: 0, y: 0, ...picture });
  assert.deepEqual(middle(picture), { x: 37, y: 22, width: 25, height: 15 });
  assert.deepEqual(middle({ width: 1, height: 2 }), { x: 0, y: 0, width: 1, height: 1 });
});

test("a box is moved and resized inside the picture only", () => {
  const box = { x: 10, y: 10, width: 20, height: 20 };
  assert.deepEqual(moved(box, 500, -500, picture), { ...box, x: 80, y: 0 });
  assert.deepEqual(resized(box, 500, 500, picture), { ...box, width: 90, height: 50 });
  assert.deepEqual(resized(box, -500, -500, picture), { ...box, width: 1, height: 1 });
});

test("every step with the boxes can be undone, the last one first", () => {
  const box = { x: 0, y: 0, width: 5, height: 5 };
  const boxes = new Boxes();
  boxes.add(box);
  boxes.add({ ...box, x: 9 });
  boxes.replace(0, { ...box });
  boxes.replace(0, { ...box, y: 7 });
  boxes.replace(9, box);
  boxes.remove(1);
  const seen = [];
  for (; boxes.canUndo; boxes.undo()) seen.push(boxes.now.map(({ x, y }) => [x, y]));
  assert.deepEqual(seen, [[[0, 7]], [[0, 7], [9, 0]], [[0, 0], [9, 0]], [[0, 0]]]);
  boxes.undo();
  assert.deepEqual(boxes.now, []);
});
