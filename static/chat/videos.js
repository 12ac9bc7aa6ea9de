/**
 * Videos under an answer: a card each. Everything on it is from this site; nothing is asked of a video host before
 * the card is opened.
 *
 * @typedef {object} Video
 * @property {number} id
 * @property {string} title
 * @property {string} description
 * @property {number | null} duration   in seconds
 * @property {number} start             where playing begins, in seconds
 * @property {string} chapter           the one that matches, or ""
 * @property {string} poster            a path of this site, or ""
 * @property {"youtube" | "vimeo" | "file"} provider
 * @property {boolean} available        false: it is shown no more
 * @property {-1 | 0 | 1} helped
 *
 * @callback OpenVideo
 * @param {string} messageId
 * @param {Video} video
 * @param {VideoCard} card
 * @returns {void}
 */

import { el, icon, set } from "./dom.js";

const HOSTS = { youtube: "YouTube", vimeo: "Vimeo", file: "" };

/** The cards of one message, in order; an element lives as long as its video is shown. */
export class VideoShelf {
  #open;
  /** @type {Map<number, VideoCard>} */
  #cards = new Map();

  /** @param {OpenVideo} open */
  constructor(open) {
    this.#open = open;
    this.element = el("ul", { class: "videos", "aria-label": "Videos", hidden: true });
  }

  /** @param {string} messageId @param {readonly Video[]} videos */
  update(messageId, videos) {
    const cards = videos.map((video) => {
      const card = this.#cards.get(video.id) ?? new VideoCard((shown, itself) => this.#open(messageId, shown, itself));
      card.update(video);
      return /** @type {const} */ ([video.id, card]);
    });
    this.#cards = new Map(cards);
    const elements = cards.map(([, card]) => card.element);
    if (elements.some((element, at) => this.element.children[at] !== element) || this.element.children.length !== elements.length) {
      this.element.replaceChildren(...elements);
    }
    this.element.hidden = !elements.length;
  }
}

export class VideoCard {
  #still = el("img", { alt: "", loading: "lazy", decoding: "async", width: 640, height: 360 });
  #length = el("span", { class: "length" });
  #kind = el("small", {});
  #title = el("strong", { dir: "auto" });
  #from = el("small", { dir: "auto" });
  #button;
  /** @type {Video | null} */
  #video = null;

  /** @param {(video: Video, card: VideoCard) => void} open */
  constructor(open) {
    const still = el("span", { class: "still" }, this.#still, el("span", { class: "play" }, icon("play")), this.#length);
    const words = el("span", { class: "words" }, this.#kind, this.#title, this.#from);
    this.#button = el("button", { type: "button", class: "video", "aria-haspopup": "dialog" }, still, words);
    this.#button.addEventListener("click", () => this.#video?.available && open(this.#video, this));
    this.#still.addEventListener("error", () => (this.#still.hidden = true));
    this.element = el("li", {}, this.#button);
  }

  /** @param {Video} video */
  update(video) {
    const gone = this.#video?.id === video.id && !this.#video.available; // that was found out here
    this.#video = gone ? { ...video, available: false } : video;
    const { title, duration, start, chapter, provider, available } = this.#video;
    const poster = available && video.poster.startsWith("/") ? video.poster : "";
    this.#still.hidden = !poster;
    if (poster && this.#still.getAttribute("src") !== poster) this.#still.src = poster;
    this.#length.replaceChildren(...(duration && available ? [el("span", { class: "vh" }, "Length "), clock(duration)] : []));
    this.#kind.textContent = HOSTS[provider] ? `Video guide · plays from ${HOSTS[provider]}` : "Video guide";
    this.#title.textContent = title;
    this.#from.textContent = available ? whence(start, chapter) : "This video is no longer available.";
    set(this.#button, "aria-disabled", available ? null : "true");
  }

  /** The server shows it no more. */
  withdraw() {
    if (this.#video) this.update({ ...this.#video, available: false });
  }
}

/** @param {number} start @param {string} chapter */
function whence(start, chapter) {
  if (start < 1) return chapter;
  return chapter ? `From ${clock(start)}: ${chapter}` : `From ${clock(start)}`;
}

/**
 * 81.5 → "1:21"
 * @param {number} seconds
 */
export function clock(seconds) {
  const whole = Math.floor(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (/** @type {number} */ part) => String(part).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}
