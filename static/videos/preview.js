// The preview player of a video: nothing is loaded from its host before somebody presses Play.

/**
 * @typedef {object} Film What the server says of a video; see videos/serving/views.py.
 * @property {string} provider
 * @property {string} src
 * @property {string} poster
 * @property {string} embed
 * @property {string} title
 * @property {{lang: string, label: string, src: string}[]} captions
 * @property {{start: number, title: string}[]} chapters
 */

for (const stage of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".film-stage"))) {
  void open(stage);
}

/** @param {HTMLElement} stage */
async function open(stage) {
  const reply = await fetch(stage.dataset.video ?? "");
  if (!reply.ok) return;
  const film = /** @type {Film} */ (await reply.json());
  if (film.poster) {
    const still = document.createElement("img");
    still.className = "film-still";
    still.alt = "";
    still.src = film.poster;
    stage.prepend(still);
  }
  stage.querySelector(".film-play")?.addEventListener("click", () => play(stage, film, 0));
  if (!film.chapters.length || film.provider !== "file") return;
  const list = document.createElement("ul");
  list.className = "film-chapters";
  for (const chapter of film.chapters) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `${clock(chapter.start)} ${chapter.title}`;
    button.addEventListener("click", () => play(stage, film, chapter.start));
    const item = document.createElement("li");
    item.append(button);
    list.append(item);
  }
  stage.after(list);
}

/** @param {HTMLElement} stage @param {Film} film @param {number} start */
function play(stage, film, start) {
  const playing = stage.querySelector("video");
  if (playing) {
    playing.currentTime = start;
    void playing.play();
    return;
  }
  stage.replaceChildren(film.provider === "file" ? player(film, start) : frame(film));
}

/** @param {Film} film @param {number} start */
function player(film, start) {
  const video = document.createElement("video");
  video.controls = true;
  video.playsInline = true;
  video.src = film.src;
  for (const track of film.captions) {
    const element = document.createElement("track");
    Object.assign(element, { kind: "captions", srclang: track.lang, label: track.label, src: track.src });
    video.append(element);
  }
  video.addEventListener("loadedmetadata", () => (video.currentTime = start), { once: true });
  video.autoplay = true;
  return video;
}

/** @param {Film} film */
function frame(film) {
  const iframe = document.createElement("iframe");
  iframe.title = film.title;
  iframe.allow = "autoplay; fullscreen; picture-in-picture";
  iframe.referrerPolicy = "strict-origin-when-cross-origin";
  iframe.src = film.embed;
  return iframe;
}

/** @param {number} seconds */
function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
