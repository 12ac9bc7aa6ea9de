/**
 * A video over the chat, which goes on behind it. The dialog traps the focus and gives it back; closing it stops
 * what plays.
 *
 * @typedef {import("./videos.js").Video} Video
 * @typedef {import("./videos.js").VideoCard} VideoCard
 * @typedef {import("./player.js").Playable} Playable
 *
 * What becomes of a video is told to the server.
 * @callback TellVideo
 * @param {string} messageId
 * @param {number} videoId
 * @param {string} event
 * @param {number | null} second
 * @returns {void}
 */

import { el, icon } from "./dom.js";
import { FilePlayer, FramePlayer } from "./player.js";
import { clock } from "./videos.js";

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2];

export class VideoDialog {
  #tell;
  #withdrawn;
  #title = el("h2", { id: "video-title", dir: "auto" });
  #stage = el("div", { class: "screen" });
  #tools = el("div", { class: "tools" });
  #chapters = el("ol", { class: "chapters", "aria-label": "Chapters" });
  #help = el("div", { class: "helped", role: "group", "aria-label": "Did this help?" });
  #thanks = el("span", { class: "meta", role: "status" });
  #dialog;
  /** @type {FilePlayer | FramePlayer | null} */
  #player = null;
  /** @type {{messageId: string, video: Video} | null} */
  #shown = null;
  #opening = 0;

  /** @param {TellVideo} tell @param {(text: string) => void} withdrawn  says why nothing plays */
  constructor(tell, withdrawn) {
    this.#tell = tell;
    this.#withdrawn = withdrawn;
    const close = el("button", { type: "button", class: "iconbtn", "aria-label": "Close video", onclick: () => this.#dialog.close() }, icon("x"));
    const head = el("header", {}, this.#title, close);
    const foot = el("footer", {}, this.#tools, this.#help, this.#chapters);
    this.#dialog = el("dialog", { class: "player", "aria-labelledby": "video-title" }, head, this.#stage, foot);
    document.body.append(this.#dialog);
    this.#dialog.addEventListener("close", () => this.#stop());
    this.#dialog.addEventListener("click", (event) => event.target === this.#dialog && this.#dialog.close());
    this.#dialog.addEventListener("keydown", (event) => this.#key(event), { capture: true });
  }

  /** @param {string} messageId @param {Video} video @param {VideoCard} card */
  async open(messageId, video, card) {
    const opening = (this.#opening += 1);
    this.#shown = { messageId, video };
    this.#title.textContent = video.title;
    this.#stage.replaceChildren(el("p", { class: "quiet", role: "status" }, el("span", { class: "spin" }), "Loading the video…"));
    this.#tools.replaceChildren();
    this.#chapters.replaceChildren();
    this.#ask(video.helped);
    this.#dialog.showModal();
    const playable = await find(video.id);
    if (opening !== this.#opening || !this.#dialog.open) return;
    if (playable === "gone") {
      card.withdraw();
      this.#dialog.close();
      this.#withdrawn("This video is no longer available.");
    } else if (playable) this.#play(video, playable);
    else this.#failed();
  }

  /** @param {Video} video @param {Playable} playable */
  #play(video, playable) {
    const near = playable.chapters.filter(({ start }) => start <= video.start + 0.5).sort((a, b) => b.start - a.start)[0];
    const tell = (/** @type {string} */ event, /** @type {number | null} */ second) => this.#note(event, second);
    const player = playable.src
      ? new FilePlayer(playable, video.start, tell, () => this.#failed())
      : new FramePlayer(playable, near);
    this.#player = player;
    this.#stage.replaceChildren(player.element);
    if (player instanceof FilePlayer) {
      this.#stage.after(player.said);
      this.#tools.replaceChildren(...fileTools(player, playable));
      player.element.focus();
    }
    this.#chapters.replaceChildren(...this.#chapterList(playable));
    this.#note("opened", video.start);
  }

  /** @param {Playable} playable */
  #chapterList({ chapters }) {
    const buttons = chapters.map((chapter) => {
      const jump = () => this.#player?.jump(chapter);
      const time = el("span", { class: "time" }, clock(chapter.start));
      return { chapter, button: el("button", { type: "button", onclick: jump }, time, el("span", { dir: "auto" }, chapter.title)) };
    });
    const player = this.#player;
    if (player instanceof FilePlayer) {
      player.element.addEventListener("timeupdate", () => {
        const now = buttons.filter(({ chapter }) => chapter.start <= player.second + 0.05).sort((a, b) => b.chapter.start - a.chapter.start)[0];
        for (const { button } of buttons) {
          if (button === now?.button) button.setAttribute("aria-current", "true");
          else button.removeAttribute("aria-current");
        }
      });
    }
    return buttons.map(({ button }) => el("li", {}, button));
  }

  /** @param {-1 | 0 | 1} said */
  #ask(said) {
    const answer = (/** @type {string} */ symbol, /** @type {string} */ label, /** @type {1 | -1} */ value) => {
      const button = el("button", { type: "button", class: "tool", "aria-label": label, title: label }, icon(symbol));
      button.setAttribute("aria-pressed", String(said === value));
      button.addEventListener("click", () => {
        for (const other of this.#help.querySelectorAll("button")) other.setAttribute("aria-pressed", String(other === button));
        this.#thanks.textContent = "Thank you.";
        this.#note(value === 1 ? "helped" : "not_helped", this.#player?.second ?? null);
      });
      return button;
    };
    this.#thanks.textContent = "";
    this.#help.replaceChildren("Did this help?", answer("thumbs-up", "Yes, it helped", 1), answer("thumbs-down", "No, it did not help", -1), this.#thanks);
  }

  #failed() {
    const again = el("button", { type: "button", class: "textbtn" }, icon("rotate-ccw"), "Try again");
    const trouble = el("div", { class: "trouble", role: "alert" }, icon("circle-alert"), el("span", {}, "The video could not be loaded."), again);
    again.addEventListener("click", async () => {
      const { video } = this.#shown ?? {};
      const playable = video && (await find(video.id));
      if (video && playable && playable !== "gone" && this.#dialog.open) this.#play(video, playable);
    });
    this.#player?.close();
    this.#player = null;
    this.#stage.replaceChildren(trouble);
    this.#tools.replaceChildren();
  }

  #stop() {
    this.#opening += 1;
    this.#player?.close();
    this.#player = null;
    this.#shown = null;
    this.#stage.replaceChildren();
  }

  /** @param {string} event @param {number | null} second */
  #note(event, second) {
    if (this.#shown) this.#tell(this.#shown.messageId, this.#shown.video.id, event, second);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.#player) return;
    if (event.target instanceof HTMLSelectElement) return;
    // A button is pressed with it, and the controls of <video> take it for themselves.
    if (event.key === " " && event.target !== this.#dialog) return;
    if (!this.#player.press(event.key.length === 1 ? event.key.toLowerCase() : event.key)) return;
    event.preventDefault();
    event.stopPropagation(); // or the controls would go as far again
  }
}

/** @param {FilePlayer} player @param {Playable} playable */
function fileTools(player, playable) {
  const speed = el("select", {}, ...SPEEDS.map((value) => el("option", { value, selected: value === 1 }, `${value}×`)));
  speed.addEventListener("change", () => (player.speed = Number(speed.value)));
  const tools = [el("label", {}, "Speed ", speed)];
  if (!player.hasCaptions) return tools;
  const captions = el("button", { type: "button", class: "chip", onclick: () => (player.captions = !player.captions) }, icon("captions"), "Captions");
  const show = () => captions.setAttribute("aria-pressed", String(player.captions));
  player.element.textTracks.addEventListener("change", show);
  player.element.addEventListener("loadedmetadata", show);
  show();
  const languages = el("span", { class: "meta" }, playable.captions.map(({ label }) => label).join(", "));
  return [...tools, captions, languages];
}

/**
 * @param {number} id
 * @returns {Promise<Playable | "gone" | null>}  null when the server cannot be reached
 */
async function find(id) {
  try {
    const response = await fetch(`/api/videos/${id}/`, { headers: { Accept: "application/json" } });
    if (response.status === 404) return "gone";
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}
