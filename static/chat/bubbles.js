/**
 * The pieces of the log, each an object with an `element` that `update` brings in step with its entry. A piece lives as
 * long as its id: the streaming card becomes the finished one, the unsent bubble the delivered one, in place.
 *
 * @typedef {import("./log.js").Entry} Entry
 * @typedef {import("./log.js").AnswerEntry} AnswerEntry
 * @typedef {import("./protocol.js").Message} Message
 * @typedef {import("./protocol.js").Source} Source
 *
 * What the pieces may ask of the page.
 * @typedef {object} Desk
 * @property {(text: string) => void} ask
 * @property {(messageId: string) => void} retry
 * @property {(messageId: string, value: -1 | 0 | 1, reason?: string, comment?: string) => void} feedback
 * @property {() => void} handoff
 * @property {(text: string) => void} rephrase
 * @property {(source: Source, marker: HTMLElement) => void} openSource
 * @property {(message: Message) => Promise<boolean>} copy
 * @property {import("./videos.js").OpenVideo} openVideo
 */

import { el, fromServer, icon, set } from "./dom.js";
import { FeedbackPanel } from "./feedback.js";
import { LiveMarkdown, nodes } from "./markdown-live.js";
import { calendarDay, time } from "./times.js";
import { VideoShelf } from "./videos.js";

const STAGES = {
  queued: ["Waiting for its turn…", ""],
  reading_image: ["Reading your picture…", "Read your picture"],
  searching: ["Searching our guides…", "Searched our guides"],
  writing: ["Writing the answer…", "Wrote the answer"],
};

/** An answer from its first stage to its last word, or its failure. */
export class AnswerCard {
  #desk;
  #body = el("div", { class: "prose", dir: "auto" });
  #card;
  #foot = el("div", { class: "foot" });
  /** @type {LiveMarkdown | null} */
  #live = null;
  /** @type {Entry | null} */
  #drawn = null;
  /** @type {FeedbackPanel | null} */
  #feedback = null;
  /** @type {HTMLElement | null} */
  #retry = null;
  #chips = el("div", { class: "chips" });
  #videos;

  /** @param {Desk} desk */
  constructor(desk) {
    this.#desk = desk;
    this.#card = el("article", { class: "card", "aria-label": "Answer" }, this.#body);
    const mark = el("div", { class: "av", "aria-hidden": "true" }, icon("sparkles"));
    this.#videos = new VideoShelf((id, video, card) => desk.openVideo(id, video, card));
    this.element = el("li", { class: "msg bot" }, mark, this.#card, this.#videos.element, this.#foot, this.#chips);
    this.#card.addEventListener("click", (event) => this.#clicked(event));
  }

  /**
   * @param {Entry} entry
   * @param {{last: boolean, handoff: boolean, question: string}} place
   */
  update(entry, place) {
    if (entry !== this.#drawn) this.#draw(entry, place);
    this.#drawn = entry;
    this.#chips.hidden = !place.last || entry.kind === "answer";
    if (this.#retry) this.#retry.hidden = !place.last;
  }

  /** @param {Entry} entry @param {{handoff: boolean, question: string}} place */
  #draw(entry, place) {
    if (entry.kind === "answer") return this.#stream(entry);
    const before = this.#drawn;
    this.#live = null;
    this.#card.removeAttribute("aria-busy");
    this.element.className = "msg bot";
    if (entry.kind === "failure") return this.#fail(entry, place);
    this.#videos.update(entry.message.id, entry.message.videos ?? []);
    if (before?.kind === "message" && same(before.message, entry.message)) {
      this.#feedback?.update(entry.message.feedback);
      return;
    }
    this.#finish(entry.message, place);
  }

  /** @param {AnswerEntry} entry */
  #stream(entry) {
    this.element.className = "msg bot live";
    set(this.#card, "aria-busy", "true");
    const now = STAGES[entry.stages.at(-1)?.name ?? "queued"][0] ?? "";
    if (entry.text) {
      if (!this.#live) this.#body.replaceChildren();
      this.#live ??= new LiveMarkdown(this.#body);
      this.#live.update(entry.text);
      if (!this.#foot.querySelector(".spin")) {
        this.#foot.replaceChildren(el("span", { class: "meta" }, el("span", { class: "spin" }), "Writing the answer…"));
      }
      return;
    }
    const done = entry.stages.slice(0, -1).map((stage) => STAGES[stage.name][1]);
    const { name, detail } = entry.stages.at(-1) ?? { name: "queued", detail: "" };
    // While searching the detail tells where; with the writing it tells what the search found.
    if (name === "writing" && detail) done.splice(-1, 1, detail);
    const list = el(
      "ul",
      { class: "stages" },
      ...done.map((text) => el("li", { class: "done" }, icon("check"), text)),
      el("li", {}, el("span", { class: "spin" }), name === "searching" && detail ? `${detail}…` : now),
    );
    this.#body.replaceChildren(list);
    this.#foot.replaceChildren();
  }

  /** @param {Message} message @param {{handoff: boolean, question: string}} place */
  #finish(message, place) {
    if (message.html) this.#body.replaceChildren(fromServer(message.html));
    else this.#body.replaceChildren(el("p", { class: "quiet" }, "You stopped this answer before it began."));
    if (message.notice) this.#body.append(el("p", { class: "quiet" }, message.notice));
    for (const marker of this.#body.querySelectorAll(".cite")) {
      const source = message.sources.find(({ n }) => String(n) === marker.getAttribute("data-source"));
      if (source) marker.setAttribute("aria-label", `Source ${source.n}: ${source.title}`);
    }
    this.#card.querySelector("details")?.remove();
    this.#card.querySelector(".mode")?.remove();
    const mode = modeLabel(message);
    if (mode) this.#card.prepend(mode);
    if (message.sources.length) this.#card.append(sources(message.sources));
    if (message.finish === "no_answer") {
      this.element.classList.add("unsure");
      this.#chips.replaceChildren(...this.#wayOut(place));
    } else {
      this.#chips.replaceChildren(...message.suggestions.map((text) => this.#chip(text)));
    }
    this.#foot.replaceChildren(...this.#tools(message));
  }

  /** @param {Message} message */
  #tools(message) {
    const { finish } = message;
    const copy = tool("copy", "Copy answer", async () => {
      if (!(await this.#desk.copy(message))) return;
      copy.replaceChildren(icon("check"));
      setTimeout(() => copy.replaceChildren(icon("copy")), 2_000);
    });
    this.#retry = tool("rotate-ccw", "Try again", () => this.#desk.retry(message.id));
    this.#feedback = new FeedbackPanel(message.feedback, (value, reason, comment) =>
      this.#desk.feedback(message.id, value, reason, comment),
    );
    const state = finish === "stopped" ? "Stopped" : finish === "interrupted" ? "Interrupted – not complete" : "";
    const row = el(
      "div",
      { class: "tools" },
      message.text && finish !== "no_answer" ? copy : null,
      ...(message.mode === "smalltalk" ? [] : this.#feedback.buttons),
      message.mode === "smalltalk" ? null : this.#retry,
      el("span", { class: "meta" }, state ? el("strong", {}, state) : null, time(message.created_at)),
    );
    return [row, this.#feedback.element];
  }

  /** @param {import("./log.js").FailureEntry} entry @param {{handoff: boolean, question: string}} place */
  #fail(entry, place) {
    this.element.classList.add("broken");
    this.#body.replaceChildren(el("p", { class: "trouble" }, icon("circle-alert"), entry.text));
    const again = entry.retryable ? this.#chip("Retry", () => this.#desk.retry(entry.id), "rotate-ccw") : null;
    const person = place.handoff ? this.#chip("Ask a person", () => this.#desk.handoff(), "user-round") : null;
    this.#retry = null;
    this.#chips.replaceChildren(...[again, person].filter((chip) => chip !== null));
    this.#foot.replaceChildren(el("span", { class: "meta" }, time(entry.at)));
  }

  /** @param {{handoff: boolean, question: string}} place */
  #wayOut({ handoff, question }) {
    const person = handoff ? [this.#chip("Ask a person", () => this.#desk.handoff(), "user-round")] : [];
    return [...person, this.#chip("Try other words", () => this.#desk.rephrase(question), "search-x")];
  }

  /** @param {string} text @param {() => void} [act] @param {string} [symbol] */
  #chip(text, act = () => this.#desk.ask(text), symbol) {
    return el("button", { type: "button", class: "chip", dir: "auto", onclick: act }, symbol && icon(symbol), text);
  }

  /** @param {Event} event */
  #clicked(event) {
    const marker = event.target instanceof Element ? event.target.closest(".cite") : null;
    if (!(marker instanceof HTMLElement) || this.#drawn?.kind !== "message") return;
    const wanted = marker.dataset.source;
    const source = this.#drawn.message.sources.find(({ n }) => String(n) === wanted);
    if (source) this.#desk.openSource(source, marker);
  }
}

/**
 * Nothing but the feedback differs.
 * @param {Message} a
 * @param {Message} b
 */
function same(a, b) {
  return a.html === b.html && a.sources === b.sources && a.finish === b.finish && a.suggestions === b.suggestions;
}

/** A message from a person of the team. */
export class StaffCard {
  #body = el("div", { class: "prose", dir: "auto" });
  #who = el("span", { class: "who" });
  #time = el("span", {});
  /** @type {Message | null} */
  #drawn = null;
  #initials = el("div", { class: "av", "aria-hidden": "true" });

  constructor() {
    const meta = el("div", { class: "meta" }, this.#who, el("span", { class: "tag" }, "Team"), this.#time);
    const card = el("article", { class: "card" }, this.#body);
    this.element = el("li", { class: "msg bot human" }, this.#initials, meta, card);
  }

  /** @param {Message} message */
  update(message) {
    if (message === this.#drawn) return;
    this.#drawn = message;
    this.#who.textContent = message.author;
    this.#initials.textContent = message.author
      .split(/\s+/)
      .map((word) => word[0] ?? "")
      .join("")
      .slice(0, 2);
    this.#time.textContent = time(message.created_at);
    this.#body.replaceChildren(message.html ? fromServer(message.html) : el("p", {}, message.text));
  }
}

/** A line about the conversation itself. */
export class SystemLine {
  #text = el("span", { dir: "auto" });

  constructor() {
    this.element = el("li", { class: "sys" }, icon("user-round"), this.#text);
  }

  /** @param {Message} message */
  update(message) {
    this.#text.textContent = message.text;
  }
}

/**
 * @param {string} symbol
 * @param {string} label
 * @param {() => void} act
 */
function tool(symbol, label, act) {
  return el("button", { type: "button", class: "tool", "aria-label": label, title: label, onclick: act }, icon(symbol));
}

/** @param {Message} message */
function modeLabel({ mode }) {
  if (mode === "offline") return el("p", { class: "mode" }, icon("book-open"), "Quoted from our guides");
  if (mode === "web") return el("p", { class: "mode web" }, icon("globe"), "From the web, not from our guides");
  return null;
}

/** @param {Source[]} list */
function sources(list) {
  const count = list.length === 1 ? "1 source" : `${list.length} sources`;
  return el(
    "details",
    { class: "sources" },
    el("summary", {}, icon("book-open"), count, icon("chevron-down")),
    el("ol", {}, ...list.map((source) => el("li", {}, el("span", { class: "n" }, String(source.n)), sourceBody(source)))),
  );
}

/**
 * Title, place and quoted passage of one source.
 * @param {Source} source
 * @param {{title?: boolean}} [options]
 */
export function sourceBody(source, { title = true } = {}) {
  const day = source.date ? calendarDay(source.date) : "";
  const kind = { document: "Guide", faq: "FAQ", web: "Web page" }[source.kind];
  const place = [kind, source.heading?.replaceAll(" > ", " › "), source.page ? `page ${source.page}` : "", source.ocr && "read from a scan", day && `version of ${day}`];
  const link =
    source.kind === "web" && /^https?:\/\//.test(source.url ?? "")
      ? el("a", { href: source.url, target: "_blank", rel: "noopener nofollow" }, new URL(source.url ?? "").host)
      : null;
  return el(
    "div",
    { dir: "auto" },
    title && el("strong", {}, source.title),
    el("span", { class: "place" }, place.filter(Boolean).join(" · ")),
    link,
    el("blockquote", { class: "prose" }, ...nodes(source.quote)),
  );
}
