// What a model is for, how good it is, and where it fails.

import { element, number, percent } from "./elements.js";

const FIRST = 24;
/** What a training's score says, by its measure. */
const MEASURES = {
  skill: (value) => `Skill ${number(value)}: 1 is perfect, 0 as good as the mean of what it learnt from`,
  found: (value) => `${percent(value)} of the things found`,
  accuracy: (value) => `${percent(value)} right`,
};

const line = (term, ...words) => words.every((word) => word === null) ? [] : [element("dt", {}, term), element("dd", {}, ...words)];

function score({ measured, many }) {
  if (measured === null) return null;
  const { measure, value, count } = measured;
  const words = (MEASURES[measure] ?? ((own) => `${measure} ${number(own)}`))(value);
  return `${words}${count === null ? "" : `, on ${number(count)} ${many} that it did not learn from`}`;
}

function learnt({ data, many }) {
  if (typeof data?.train !== "number") return null;
  return `${number(data.train)} ${many}${data.name ? `: ${data.name}` : ""}`;
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
