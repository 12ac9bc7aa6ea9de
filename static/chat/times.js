/** Times and days in the customer's own locale and time zone. */

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const date = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const DAY_MS = 86_400_000;

/** @param {string} iso */
export function time(iso) {
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? "" : clock.format(at);
}

/**
 * The local day as a key: two messages with the same one need no separator.
 * @param {string} iso
 */
export function dayKey(iso) {
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? "" : at.toDateString();
}

/**
 * @param {string} iso
 * @param {Date} [now]
 */
export function dayLabel(iso, now = new Date()) {
  const key = dayKey(iso);
  if (key === now.toDateString()) return "Today";
  if (key === new Date(now.getTime() - DAY_MS).toDateString()) return "Yesterday";
  const at = new Date(iso);
  return now.getTime() - at.getTime() < 300 * DAY_MS ? weekday.format(at) : date.format(at);
}

/**
 * A day without a time, "2026-11-22", in the customer's way of writing; no time zone can shift it.
 * @param {string} day
 */
export function calendarDay(day) {
  const [year, month, dayOfMonth] = day.split("-").map(Number);
  if (!year || !month || !dayOfMonth) return "";
  return date.format(new Date(year, month - 1, dayOfMonth));
}
