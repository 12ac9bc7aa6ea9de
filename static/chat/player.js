/**
 * What plays: a file of this site in `<video>`, or the provider's player in a frame. Both stop and are taken away
 * together with their dialog.
 *
 * @typedef {{lang: string, label: string, src: string}} Captions
 * @typedef {{start: number, title: string, embed: string}} Chapter
 * @typedef {object} Playable           as GET /api/videos/<id>/ tells it
 * @property {string} title
 * @property {"youtube" | "vimeo" | "file"} provider
 * @property {number | null} duration
 * @property {string} src               a file of this site, or ""
 * @property {string} poster
 * @property {string} embed             the provider's player, or ""
 * @property {Captions[]} captions
 * @property {Chapter[]} chapters
 *
 * @typedef {(event: string, second: number | null) => void} Tell
 */

import { el } from "./dom.js";

const REACHED = /** @type {const} */ ([["three_quarters", 0.75], ["half", 0.5], ["quarter", 0.25]]);
const STEP_SECONDS = 5;
const SMALL = "(max-width: 40rem), (max-height: 30rem)"; // where captions would hide what they speak of

/** A file, with captions, speed and keys. On a small screen the captions stand below the picture. */
export class FilePlayer {
  said = el("p", { class: "said", dir: "auto" });
  #tell;
  #told = new Set();
  #start;
  #small = matchMedia(SMALL);
  #open = new AbortController();

  /** @param {Playable} playable @param {number} start @param {Tell} tell @param {() => void} failed */
  constructor(playable, start, tell, failed) {
    this.#tell = tell;
    this.#start = start;
    const wanted = best(playable.captions);
    const tracks = playable.captions.map((one) =>
      el("track", { kind: "captions", srclang: one.lang, label: one.label, src: one.src, default: one === wanted }),
    );
    this.element = el("video", { controls: true, playsinline: true, preload: "auto", "aria-label": playable.title }, ...tracks);
    if (playable.poster) this.element.poster = playable.poster;
    this.element.addEventListener("loadedmetadata", () => this.#begin(), { once: true });
    const { signal } = this.#open;
    this.#small.addEventListener("change", () => this.#place(), { signal });
    document.addEventListener("fullscreenchange", () => this.#place(), { signal });
    this.element.textTracks.addEventListener("change", () => this.#speak(), { signal });
    for (const track of this.element.textTracks) track.addEventListener("cuechange", () => this.#speak(), { signal });
    this.element.addEventListener("timeupdate", () => this.#reached());
    this.element.addEventListener("ended", () => this.#once("ended"));
    this.element.addEventListener("error", failed);
    this.element.src = playable.src;
  }

  get hasCaptions() {
    return this.element.textTracks.length > 0;
  }

  get captions() {
    return Array.from(this.element.textTracks).some(({ mode }) => mode !== "disabled");
  }

  set captions(on) {
    const tracks = Array.from(this.element.textTracks);
    const wanted = tracks.find(({ mode }) => mode !== "disabled") ?? tracks.find(({ language }) => speaks(language)) ?? tracks[0];
    const below = this.#small.matches && !document.fullscreenElement;
    for (const track of tracks) track.mode = !on || track !== wanted ? "disabled" : below ? "hidden" : "showing";
    this.#speak();
  }

  /** @param {number} speed */
  set speed(speed) {
    this.element.defaultPlaybackRate = this.element.playbackRate = speed;
  }

  /** @param {Chapter} chapter */
  jump({ start }) {
    this.element.currentTime = start;
    void this.#play();
  }

  /** The second at which it stands. */
  get second() {
    return this.element.currentTime;
  }

  /**
   * Space and K play and pause, the arrows go five seconds, C switches captions.
   * @param {string} key
   * @returns {boolean} whether it was one of these
   */
  press(key) {
    const { element } = this;
    if (key === " " || key === "k") element.paused ? void this.#play() : element.pause();
    else if (key === "ArrowLeft") element.currentTime = Math.max(0, element.currentTime - STEP_SECONDS);
    else if (key === "ArrowRight") element.currentTime = Math.min(element.duration || 0, element.currentTime + STEP_SECONDS);
    else if (key === "c" && this.hasCaptions) this.captions = !this.captions;
    else return false;
    return true;
  }

  close() {
    this.#open.abort();
    this.said.remove();
    this.element.pause();
    this.element.removeAttribute("src");
    this.element.load(); // lets go of what is still on its way
    this.element.remove();
  }

  /** On the picture or below it. */
  #place() {
    this.captions = this.captions;
  }

  /** What is said now, where the picture does not show it. */
  #speak() {
    const below = Array.from(this.element.textTracks).find(({ mode }) => mode === "hidden");
    this.said.hidden = !below;
    const cues = /** @type {VTTCue[]} */ (Array.from(below?.activeCues ?? []));
    this.said.textContent = cues.map(({ text }) => text).join(" ");
  }

  #begin() {
    this.#place();
    if (this.#start > 0 && this.#start < this.element.duration) this.element.currentTime = this.#start;
    void this.#play();
  }

  async #play() {
    try {
      await this.element.play();
    } catch {
      // The browser wants a click of its own; the controls offer it.
    }
  }

  /** Tells the farthest mark that playing has come to. */
  #reached() {
    const share = this.element.currentTime / this.element.duration;
    const mark = REACHED.find(([, at]) => share >= at);
    if (mark && !this.element.paused) this.#once(mark[0]);
  }

  /** @param {string} event */
  #once(event) {
    if (this.#told.has(event)) return;
    this.#told.add(event);
    this.#tell(event, this.second);
  }
}

/** The provider's player. It has its own captions, speed and keys, and tells nothing. */
export class FramePlayer {
  #frame;

  /** @param {Playable} playable @param {Chapter | undefined} chapter  where to begin */
  constructor(playable, chapter) {
    this.#frame = el("iframe", {
      title: playable.title,
      src: chapter?.embed ?? playable.embed,
      allow: "autoplay; encrypted-media; fullscreen; picture-in-picture",
      referrerpolicy: "strict-origin-when-cross-origin",
      sandbox: "allow-scripts allow-same-origin allow-presentation allow-popups allow-popups-to-escape-sandbox",
    });
    this.element = this.#frame;
  }

  hasCaptions = false;
  second = null;

  /** @param {Chapter} chapter */
  jump({ embed }) {
    this.#frame.src = embed;
  }

  press() {
    return false;
  }

  close() {
    this.#frame.remove();
  }
}

/** @param {string} language */
function speaks(language) {
  return navigator.languages.some((own) => own.split("-")[0] === language.split("-")[0]);
}

/** The captions to begin with. @param {Captions[]} captions */
function best(captions) {
  return captions.find(({ lang }) => speaks(lang)) ?? captions[0];
}
