// Small helpers for elements and words.

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** An element with attributes, properties given as functions' names, and children; texts are never read as HTML. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** 0.9966 -> "99.7 %". */
export const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** A number as people write it, of four digits. */
export function number(value) {
  if (value === null || value === undefined) return "–";
  if (Number.isInteger(value)) return value.toLocaleString("en");
  const size = Math.abs(value);
  return size >= 1e6 || (size !== 0 && size < 1e-3) ? value.toExponential(3) : String(+value.toPrecision(4));
}

/** 12.337 -> "12 ms", 2.1 -> "2.1 ms", 2935 -> "2.9 s". */
export function duration(ms) {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

/** 34567 -> "33.8 kB". */
export function size(bytes) {
  if (bytes < 1e3) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Tells a screen reader, and nobody else. */
export function announce(words) {
  byId("status").textContent = words;
}
