/**
 * The bytes of pictures that are not sent yet, by key. Memory has them while the page lives; IndexedDB keeps them over
 * a reload, where the browser allows that. What was covered replaces what it covered, here too.
 *
 * @typedef {{bytes: ArrayBuffer, type: string, at: number}} Kept  `at`: epoch milliseconds
 */

const DATABASE = "joblynk";
const STORE = "pictures";
const OPENING_MS = 3_000; // some browsers leave the question open for ever; a picture does not wait for that
const KEPT_MS = 24 * 60 * 60 * 1000; // as long as the server keeps what is not sent

export class PictureStore {
  /** @type {Map<string, {blob: Blob, url: string}>} */
  #held = new Map();
  /** @type {Promise<IDBDatabase | null>} */
  #database;
  /** @type {Promise<unknown>} */
  #work;

  /** @param {() => Promise<IDBDatabase | null>} [open]  null where nothing can be kept */
  constructor(open = openDatabase) {
    this.#database = open();
    this.#work = this.#transact((store) => forgetOld(store, Date.now() - KEPT_MS));
  }

  /** @param {string} key */
  blob(key) {
    return this.#held.get(key)?.blob;
  }

  /** An address for `<img>`, "" when the bytes are not here. @param {string} key */
  url(key) {
    return this.#held.get(key)?.url ?? "";
  }

  /** @param {string} key @param {Blob} blob */
  put(key, blob) {
    this.#hold(key, blob);
    this.#then(async () => {
      const kept = { bytes: await blob.arrayBuffer(), type: blob.type, at: Date.now() };
      await this.#transact((store) => store.put(kept, key));
    });
  }

  /** @param {string} key */
  drop(key) {
    URL.revokeObjectURL(this.url(key));
    this.#held.delete(key);
    this.#then(() => this.#transact((store) => store.delete(key)));
  }

  /**
   * After a reload: fetches what was kept of `keys`.
   * @param {readonly string[]} keys
   * @returns {Promise<void>} what is missing then has no `blob`
   */
  async restore(keys) {
    for (const key of keys) {
      const kept = /** @type {Kept | undefined} */ (await this.#transact((store) => store.get(key)));
      if (kept?.bytes && !this.#held.has(key)) this.#hold(key, new Blob([kept.bytes], { type: kept.type }));
    }
  }

  /** @param {string} key @param {Blob} blob */
  #hold(key, blob) {
    URL.revokeObjectURL(this.url(key));
    this.#held.set(key, { blob, url: URL.createObjectURL(blob) });
  }

  /** One after the other: a removal never overtakes the keeping of what it removes. @param {() => Promise<unknown>} act */
  #then(act) {
    this.#work = this.#work.then(act, act);
  }

  /**
   * @param {(store: IDBObjectStore) => IDBRequest} act
   * @returns {Promise<unknown>} the request's result; undefined where the browser refuses (private window, full disk)
   */
  async #transact(act) {
    const database = await this.#database;
    if (!database) return undefined;
    return new Promise((resolve) => {
      try {
        const transaction = database.transaction(STORE, "readwrite");
        const request = act(transaction.objectStore(STORE));
        transaction.oncomplete = () => resolve(request.result);
        transaction.onabort = () => resolve(undefined);
      } catch {
        resolve(undefined);
      }
    });
  }
}

/** @returns {Promise<IDBDatabase | null>} */
function openDatabase() {
  return new Promise((resolve) => {
    setTimeout(resolve, OPENING_MS, null);
    try {
      const request = indexedDB.open(DATABASE, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE);
      request.onsuccess = () => resolve(request.result);
      request.onerror = request.onblocked = () => resolve(null);
    } catch {
      resolve(null);
    }
  });
}

/** @param {IDBObjectStore} store @param {number} before  epoch milliseconds */
function forgetOld(store, before) {
  const request = store.openCursor();
  request.addEventListener("success", () => {
    const cursor = request.result;
    if (!cursor) return;
    if (!(/** @type {Kept} */ (cursor.value).at > before)) cursor.delete();
    cursor.continue();
  });
  return request;
}
