/**
 * Everything about pictures that the page puts together: the tray, the cover tool, the large view, "what I read".
 *
 * @typedef {import("./log.js").State} State
 *
 * @typedef {object} Page
 * @property {import("./storage.js").Store} store
 * @property {import("./picture-store.js").PictureStore} bytes
 * @property {import("./sending.js").Sending} sending
 * @property {number} [count]       pictures that a message may have
 * @property {() => State} state
 * @property {(frame: import("./protocol.js").ClientFrame, done: (state: State) => boolean) => void} act
 * @property {(text: string) => void} say
 * @property {() => void} changed
 * @property {(hint?: string) => void} write  to the field
 */

import { CoverEditor } from "./cover.js";
import { byId } from "./dom.js";
import { Lightbox } from "./lightbox.js";
import { messages } from "./log.js";
import { setUpPicking } from "./picking.js";
import { LIMITS } from "./pictures.js";
import { ReadingPanel } from "./reading.js";
import { Tray } from "./tray.js";

/** @param {Page} page */
export function setUpPictures({ store, bytes, sending, count = LIMITS.count, state, act, say, changed, write }) {
  const lightbox = new Lightbox();
  const cover = new CoverEditor();
  const openPictures = (/** @type {readonly import("./thumbs.js").Shown[]} */ shown, /** @type {number} */ at) => lightbox.open(shown, at);

  /** Done when the log shows it; the server asks again by itself. @param {string} id @param {string} text */
  function correct(id, text) {
    const reading = (/** @type {State} */ now) => attachments(now).find((attachment) => attachment.id === id)?.reading;
    act({ type: "picture.correct", attachment_id: id, text }, (now) => reading(now)?.corrected === true && reading(now)?.text === text);
  }
  const panel = new ReadingPanel({ correct, openPictures });
  const tray = new Tray(store, bytes, { ...LIMITS, count }, {
    ...{ openPictures, say, changed, focus: write },
    cover: (blob, boxes, most) => cover.edit(blob, boxes, most),
  });
  const allowed = () => state().features.pictures && state().status !== "resolved" && !document.querySelector("dialog[open]");
  const { choose, shoot } = setUpPicking({ add: (files) => tray.add(files), allowed });
  byId("explain").addEventListener("click", () => {
    write("Type its code, for example E-1042");
    if (state().features.pictures) tray.invite(choose, shoot);
  });

  return {
    tray,
    /** What the bubbles need. */
    desk: {
      openPictures,
      preview: (/** @type {string} */ key) => bytes.url(key),
      progress: (/** @type {string} */ key) => sending.progress(key),
      removePicture(/** @type {string} */ id, /** @type {string} */ key) {
        write();
        sending.removePicture(id, key);
      },
      openReading(/** @type {string} */ messageId) {
        const message = messages(state()).find(({ id }) => id === messageId);
        panel.open(message?.attachments ?? [], state().status === "bot" || state().status === "waiting");
      },
    },
  };
}

/** @param {State} state */
function attachments(state) {
  return messages(state).flatMap(({ attachments: shown = [] }) => shown);
}
