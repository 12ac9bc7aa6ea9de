/**
 * A small text store for this tab: `sessionStorage`, or memory where the browser forbids it (private windows, full).
 *
 * @typedef {{get(key: string): string | null, set(key: string, value: string): void, remove(key: string): void}} Store
 */

/**
 * @param {() => Storage} [open]  may throw: browsers do so when storage is switched off
 * @returns {Store}
 */
export function tabStore(open = () => sessionStorage) {
  /** @type {Map<string, string>} */
  const memory = new Map();
  /** @type {Storage | null} */
  let storage = null;
  try {
    storage = open();
  } catch {
    // Memory only: everything works, and ends with the page.
  }
  return {
    get(key) {
      if (memory.has(key)) return memory.get(key) ?? null;
      try {
        return storage?.getItem(key) ?? null;
      } catch {
        return null;
      }
    },
    set(key, value) {
      memory.set(key, value);
      try {
        storage?.setItem(key, value);
      } catch {
        // Full or forbidden: memory has it.
      }
    },
    remove(key) {
      memory.delete(key);
      try {
        storage?.removeItem(key);
      } catch {
        // Nothing of ours was in there.
      }
    },
  };
}
