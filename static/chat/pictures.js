/**
 * What may be sent as a picture, told by its bytes: a name or a MIME type promises nothing (HEIC mostly comes without).
 * Sizes are read from the header, so that a picture that is too large is refused before anything decodes it.
 *
 * @typedef {"png" | "jpeg" | "webp" | "gif" | "heic"} Kind
 * @typedef {{kind: Kind, width: number, height: number}} Header   in pixels; 0 × 0 where the header is not understood
 * @typedef {{count: number, bytes: number, pixels: number}} Limits
 *
 * A picture on its way: in the composer, then in the outbox. Its bytes are in the `PictureStore` under its key.
 * @typedef {object} Picture
 * @property {string} key
 * @property {string} name
 * @property {number} width         in pixels; 0 where the browser cannot show it
 * @property {number} height
 * @property {string} [attachment]  its id on the server, once it is there
 * @property {string} [thumb]       the server's small one
 * @property {string} [trouble]     why it does not go, in words for the customer
 */

/** @type {Readonly<Limits>} */
export const LIMITS = Object.freeze({ count: 4, bytes: 10 * 1024 * 1024, pixels: 25_000_000 });
export const HEADER_BYTES = 512 * 1024; // a JPEG may keep its size behind some 64 KiB of EXIF and colour profile

const HEIF_BRANDS = new Set(["heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"]);

/**
 * @param {Uint8Array} bytes  the beginning of the file, `HEADER_BYTES` of it or all
 * @returns {Header | null} null for what is no picture that we take
 */
export function sniff(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = (/** @type {number} */ from, /** @type {number} */ to) => String.fromCharCode(...bytes.subarray(from, to));
  if (text(0, 8) === "\x89PNG\r\n\x1a\n" && bytes.length >= 24) {
    return { kind: "png", width: view.getUint32(16), height: view.getUint32(20) };
  }
  if (/^GIF8[79]a$/.test(text(0, 6)) && bytes.length >= 10) {
    return { kind: "gif", width: view.getUint16(6, true), height: view.getUint16(8, true) };
  }
  if (text(0, 3) === "\xff\xd8\xff") return { kind: "jpeg", ...jpegSize(view) };
  if (text(0, 4) === "RIFF" && text(8, 12) === "WEBP") return { kind: "webp", ...webpSize(view, text(12, 16)) };
  if (text(4, 8) === "ftyp" && HEIF_BRANDS.has(text(8, 12))) return { kind: "heic", width: 0, height: 0 };
  return null;
}

/**
 * The first start-of-frame segment tells the size (ITU T.81, B.2.2).
 * @param {DataView} view
 */
function jpegSize(view) {
  for (let at = 2; at + 9 <= view.byteLength; ) {
    if (view.getUint8(at) !== 0xff) break;
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) at += 1; // a fill byte
    else if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
    } else at += 2 + view.getUint16(at + 2);
  }
  return { width: 0, height: 0 };
}

/**
 * RFC 9649: lossy, lossless and extended files each keep the size elsewhere.
 * @param {DataView} view
 * @param {string} chunk
 */
function webpSize(view, chunk) {
  if (view.byteLength < 30) return { width: 0, height: 0 };
  if (chunk === "VP8 ") {
    return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
  }
  if (chunk === "VP8L") {
    const bits = view.getUint32(21, true);
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  const u24 = (/** @type {number} */ at) => view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
  return { width: u24(24) + 1, height: u24(27) + 1 };
}

/**
 * Why a file cannot be sent, in words for the customer; "" if it can.
 * @param {{name: string, size: number}} file
 * @param {Header | null} header
 * @param {Limits} limits
 */
export function refusal({ name, size }, header, limits) {
  const called = name ? `“${shortened(name)}”` : "That";
  if (size === 0) return `${called} is empty.`;
  if (!header) return `${called} is not a picture we can read. Please use PNG, JPEG, WebP, GIF or HEIC.`;
  if (size > limits.bytes) {
    return `${called} has ${megabytes(size, 0.1)} MB; a picture may have up to ${megabytes(limits.bytes)} MB.`;
  }
  const pixels = header.width * header.height;
  if (pixels > limits.pixels) {
    return `${called} has ${Math.ceil(pixels / 1e6)} megapixels; a picture may have up to ${limits.pixels / 1e6}.`;
  }
  return "";
}

/** @param {number} count  how many pictures a message may have */
export function tooMany(count) {
  return `A message can have up to ${count} ${count === 1 ? "picture" : "pictures"}. Send these first, or remove one.`;
}

/** @param {Kind} kind */
export function mimeType(kind) {
  return `image/${kind}`;
}

/**
 * Without its middle when it is long: the beginning and the ending tell files apart.
 * @param {string} name
 */
export function shortened(name) {
  const letters = [...name];
  return letters.length <= 32 ? name : `${letters.slice(0, 18).join("")}…${letters.slice(-12).join("")}`;
}

/**
 * Rounded up, so that nothing above a limit reads like the limit.
 * @param {number} bytes
 * @param {number} [step]
 */
function megabytes(bytes, step = 1) {
  return Number((Math.ceil(bytes / (1024 * 1024) / step) * step).toFixed(1));
}
