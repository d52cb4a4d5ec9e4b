// What a model answered, in words and bars.

import { element, number, percent } from "./elements.js";

const MOST = 12;
const before = new Map();

/** A row: words, a value, and a bar where it is a share. */
function row(words, value, share = null) {
  return element("div", { class: "answer" },
    element("span", { class: "label" }, words), element("span", { class: "value" }, value),
    share === null ? null : element("progress", { value: share, max: 1, "aria-label": `${words}: ${value}` }));
}

const bars = (ranked) => ranked.map(({ label, probability }) => row(label, percent(probability), probability));

function classes({ top }) {
  return bars(top);
}

function labels({ labels: named, top }) {
  const words = named.length === 0 ? "None of the labels" : named.join(", ");
  return [element("p", { class: "main" }, words), ...bars(top)];
}

function numbers({ value, low, high, probability }, { classes: names }) {
  const each = (one) => (one === null || one === undefined ? names.map(() => null) : [one].flat());
  const [values, lows, highs] = [value, low, high].map(each);
  const rows = values.map((own, at) => element("div", { class: "answer number" },
    element("span", { class: "label" }, names[at] ?? "value"), element("span", { class: "value" }, number(own)),
    lows[at] === null ? null : element("span", { class: "between soft" }, `${number(lows[at])} to ${number(highs[at])}`)));
  const meaning = probability === null ? "No interval: it was trained without one." : `About ${Math.round(100 * probability)} % of such intervals hold the true number.`;
  return [...rows, element("p", { class: "soft" }, meaning)];
}

function transcript({ text, probability, words, starts_s: starts }, _, { seek }) {
  const said = words.map((word, at) => element("button", {
    type: "button", class: "word", title: `${starts[at].toFixed(2)} s`, onclick: () => seek(starts[at]), "aria-label": `${word}, from ${starts[at].toFixed(2)} s`,
  }, word));
  const line = text === "" ? element("p", { class: "main" }, "Nothing was understood.") : element("p", { class: "main transcript", lang: "" });
  if (text !== "") said.forEach((word) => line.append(word, " "));
  return [line, row("Probability of this text", percent(probability), probability)];
}

function boxes({ boxes: found }, _, { point }) {
  if (found.length === 0) return [element("p", { class: "main" }, "Nothing was found.")];
  const rows = found.slice(0, MOST).map(({ label, probability }, at) => {
    const made = row(label, percent(probability), probability);
    made.addEventListener("pointerenter", () => point(at));
    made.addEventListener("pointerleave", () => point(null));
    return made;
  });
  return found.length > MOST ? [...rows, element("p", { class: "soft" }, `and ${found.length - MOST} more, in the picture`)] : rows;
}

function shares({ shares: found }) {
  return found.map(({ label, share }) => row(label, percent(share), share));
}

function vector({ embedding }, { name }) {
  const rows = [row("numbers in its embedding", String(embedding.length))];
  const other = before.get(name);
  if (other !== undefined) {
    const dot = (one, two) => one.reduce((sum, value, at) => sum + value * two[at], 0);
    const cosine = dot(embedding, other) / Math.sqrt(dot(embedding, embedding) * dot(other, other));
    rows.push(row("likeness to the one before (cosine)", cosine.toFixed(3), Math.max(0, cosine)));
  }
  before.set(name, embedding);
  return rows;
}

const WAYS = { classify: classes, multilabel: labels, regress: numbers, transcribe: transcript, detect: boxes, segment: shares, embed: vector };

/** Elements that show an answer; `acts` has `seek(seconds)` of a sound and `point(place)` of a box. */
export const rows = (model, answer, acts) => (WAYS[model.task] ?? ((own) => [row("answer", own.label ?? "–")]))(answer, model, acts);

/** The answer in a few words, for who does not see it. */
export function inWords({ label, probability, embedding }) {
  if (embedding) return `${embedding.length} numbers`;
  const words = label === "" ? "nothing" : label;
  return typeof probability === "number" ? `${words}, ${percent(probability)}` : words;
}
