// What a model is for, how good it is, and where it fails.

import { element, number, percent } from "./elements.js";

const FIRST = 24;
const SHARES = new Set(["accuracy", "found"]);
const MEASURES = { accuracy: "right answers", found: "things found", skill: "skill" };

const line = (term, ...words) => words.every((word) => word === null) ? [] : [element("dt", {}, term), element("dd", {}, ...words)];

function score({ metrics, data, many }) {
  const measure = metrics?.measure;
  const value = measure && metrics[`val_${measure}`];
  if (typeof value !== "number") return null;
  const words = `${SHARES.has(measure) ? percent(value) : number(value)} ${MEASURES[measure] ?? measure}`;
  const count = data?.val;
  return `${words}${typeof count === "number" ? `, on ${number(count)} ${many} that it did not learn from` : ""}`;
}

function learnt({ data, many }) {
  if (typeof data?.train !== "number") return null;
  const origin = typeof data.origin === "string" ? ` of ${data.origin}` : "";
  return `${number(data.train)} ${many}${origin}`;
}

function classes({ classes: names, task }) {
  if (names.length === 0 || task === "transcribe" || task === "embed") return null;
  const list = (some) => element("ul", { class: "classes" }, ...some.map((name) => element("li", {}, name)));
  if (names.length <= FIRST) return list(names);
  return element("details", {}, element("summary", {}, `all ${number(names.length)}`), list(names));
}

const day = (value) => new Date(value).toLocaleDateString("en", { dateStyle: "long" });

/** Fills an element with a model's card. */
export function showCard(place, model) {
  const { card, task, engine, precision, version, created_at: created } = model;
  place.replaceChildren(
    element("h2", { id: "card-title" }, "About this model"),
    element("dl", {},
      ...line("For", card?.intended_use ?? "Whoever trained it has not said what it is for."),
      ...line("Limits", card?.limits ?? "Whoever trained it has named none. That does not mean that there are none."),
      ...line("Contact", card?.contact ?? null),
      ...line("Score", score(model)),
      ...line("Learnt from", learnt(model)),
      ...line(task === "regress" ? "Numbers" : "Classes", classes(model)),
      ...line("Runs on", `${engine}, ${precision}; version ${version}${created ? `, made ${day(created)}` : ""}`)));
}
