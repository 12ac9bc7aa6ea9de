/**
 * The parts of a picture that are covered: rectangles in the picture's pixels, and every step taken with them, so that
 * each can be undone.
 *
 * @typedef {{x: number, y: number, width: number, height: number}} Box   whole pixels, inside the picture
 * @typedef {{width: number, height: number}} Size
 */

const NEW_SHARE = 0.25; // of the picture's sides: a box made by keyboard

/**
 * The box between two corners, in any order, cut to the picture and grown to whole pixels: what was touched is covered.
 * @param {{x: number, y: number}} a
 * @param {{x: number, y: number}} b
 * @param {Size} picture
 * @returns {Box}
 */
export function between(a, b, picture) {
  const left = Math.floor(clamp(Math.min(a.x, b.x), 0, picture.width));
  const top = Math.floor(clamp(Math.min(a.y, b.y), 0, picture.height));
  const right = Math.ceil(clamp(Math.max(a.x, b.x), 0, picture.width));
  const bottom = Math.ceil(clamp(Math.max(a.y, b.y), 0, picture.height));
  return { x: left, y: top, width: right - left, height: bottom - top };
}

/**
 * A quarter of the picture's sides, in its middle.
 * @param {Size} picture
 * @returns {Box}
 */
export function middle(picture) {
  const width = Math.max(1, Math.round(picture.width * NEW_SHARE));
  const height = Math.max(1, Math.round(picture.height * NEW_SHARE));
  return { x: Math.floor((picture.width - width) / 2), y: Math.floor((picture.height - height) / 2), width, height };
}

/**
 * @param {Box} box
 * @param {number} dx
 * @param {number} dy
 * @param {Size} picture
 * @returns {Box}
 */
export function moved(box, dx, dy, picture) {
  const x = Math.round(clamp(box.x + dx, 0, picture.width - box.width));
  const y = Math.round(clamp(box.y + dy, 0, picture.height - box.height));
  return { ...box, x, y };
}

/**
 * Its right and lower edges go by so much; the other two stay.
 * @param {Box} box
 * @param {number} dx
 * @param {number} dy
 * @param {Size} picture
 * @returns {Box}
 */
export function resized(box, dx, dy, picture) {
  const width = Math.round(clamp(box.width + dx, 1, picture.width - box.x));
  const height = Math.round(clamp(box.height + dy, 1, picture.height - box.y));
  return { ...box, width, height };
}

/** The boxes now, and the ways back. */
export class Boxes {
  /** @type {readonly Box[]} */
  now;
  /** @type {(readonly Box[])[]} */
  #past = [];

  /** @param {readonly Box[]} [begin] */
  constructor(begin = []) {
    this.now = begin;
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  /** @param {Box} box */
  add(box) {
    this.#step([...this.now, box]);
  }

  /** @param {number} at @param {Box} box */
  replace(at, box) {
    const before = this.now[at];
    if (!before || JSON.stringify(before) === JSON.stringify(box)) return;
    this.#step(this.now.map((other, index) => (index === at ? box : other)));
  }

  /** @param {number} at */
  remove(at) {
    this.#step(this.now.filter((_, index) => index !== at));
  }

  undo() {
    this.now = this.#past.pop() ?? this.now;
  }

  /** @param {readonly Box[]} next */
  #step(next) {
    this.#past.push(this.now);
    this.now = next;
  }
}

/** @param {number} value @param {number} low @param {number} high */
function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
