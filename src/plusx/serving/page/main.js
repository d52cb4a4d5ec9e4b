// The page: which model is asked, and what is done with what a person gives.

import { models } from "./api.js";
import { showCard } from "./card.js";
import { byId, element } from "./elements.js";
import { inputsFor } from "./inputs.js";
import { Results } from "./results.js";

const REFRESH_MS = 30_000;
let known = [];
let current = null;

const results = new Results(byId("results"), () => refresh().catch(() => {}));

function summary({ modality, preprocessing: spec, task, classes, many }) {
  const sized = modality === "image" ? ` of ${spec.width} × ${spec.height}, ${spec.channels === 1 ? "grey" : "in colour"}` : "";
  const what = { classify: "classes", multilabel: "labels", regress: "numbers", detect: "kinds of things", segment: "kinds of areas" }[task];
  const [first] = many;
  return `${first.toUpperCase()}${many.slice(1)}${sized}${what ? `; ${classes.length} ${classes.length === 1 ? what.replace(/s$/, "") : what}` : ""}`;
}

function choose(name) {
  const model = known.find((one) => one.name === name) ?? known[0];
  const before = current;
  current = model;
  byId("title").textContent = model.name;
  byId("about").textContent = summary(model);
  document.title = `${model.name} – plusx`;
  byId("trouble").textContent = model.trouble === null ? "" : `A newer file of this model was refused, so version ${model.version} goes on: ${model.trouble}`;
  byId("trouble").hidden = model.trouble === null;
  if (before?.name !== model.name || before.version !== model.version) showCard(byId("card"), model);
  // A newer version that takes the same leaves alone what a person is giving.
  if (before?.name === model.name && takes(before) === takes(model)) return;
  results.drawn = null;
  byId("inputs").replaceChildren(...inputsFor(model, {
    add: (inputs) => results.add(current, inputs),
    live: (input) => results.live(current, input),
  }));
}

const takes = ({ task, preprocessing }) => JSON.stringify([task, preprocessing]);

async function refresh() {
  known = await models();
  results.several = known.length > 1;
  if (results.several) {
    byId("model").replaceChildren(...known.map(({ name }) => element("option", { value: name }, name)));
    byId("chooser").hidden = false;
  }
  choose(current?.name ?? decodeURIComponent(location.hash.slice(1)));
  byId("model").value = current.name;
}

async function start() {
  try {
    await refresh();
  } catch (error) {
    byId("about").textContent = error.message;
    byId("about").className = "bad";
    return;
  }
  byId("model").addEventListener("change", ({ target }) => {
    history.replaceState(null, "", `#${encodeURIComponent(target.value)}`);
    choose(target.value);
  });
  byId("clear").addEventListener("click", () => results.clear());
  setInterval(() => document.visibilityState === "visible" && refresh().catch(() => {}), REFRESH_MS);
  byId("main").hidden = false;
  document.body.dataset.ready = "yes";
}

start();
