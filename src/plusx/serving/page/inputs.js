// The ways to give a model something, by what it takes.

import { drawing } from "./draw.js";
import { byId, element } from "./elements.js";
import { recorder } from "./record.js";

const SMALL = 64;
const touched = matchMedia("(pointer: coarse)").matches;
let take = () => {};
let texted = 0;

/** Elements that ask for a model's inputs; `add` is told all that are given at once, `live` of a drawing that changes. */
export function inputsFor(model, { add, live }) {
  if (model.modality === "text") {
    take = () => {};
    return [texts(add)];
  }
  take = (files) => files.length > 0 && add([...files].map((file) => ({ file, name: file.name })));
  const made = [dropBox(model)];
  if (model.modality === "image" && touched) made.push(camera());
  if (canBeDrawn(model)) made.push(drawing(model.preprocessing, live));
  if (model.modality === "sound") made.push(recorder(add));
  return made;
}

const canBeDrawn = ({ modality, task, preprocessing: spec }) =>
  modality === "image" && spec.channels === 1 && Math.max(spec.width, spec.height) <= SMALL && task !== "segment" && task !== "detect";

function chosen(attributes) {
  return element("input", {
    type: "file",
    ...attributes,
    onchange: ({ target }) => {
      take(target.files);
      // The same file may be chosen again.
      target.value = "";
    },
  });
}

function dropBox({ one, many, modality, extensions }) {
  // A browser knows no file by two endings.
  const accept = extensions.map((ending) => ending.slice(ending.lastIndexOf("."))).join(",");
  const how = modality === "image" && !touched ? "one or several; or paste one" : "one or several";
  return element("label", { class: "drop", id: "drop" },
    element("span", {}, touched ? "" : `Drop ${many} anywhere, or `, element("u", {}, touched ? `Choose ${many}` : "choose")),
    element("span", { class: "soft", id: "drop-how" }, how),
    chosen({ id: "file", accept: accept || null, multiple: true, "aria-label": `Choose a ${one}, or several`, "aria-describedby": "drop-how" }));
}

const camera = () =>
  element("label", { class: "button" }, "Take a photograph", chosen({ id: "camera", accept: "image/*", capture: "environment", "aria-label": "Take a photograph" }));

function texts(add) {
  const field = element("textarea", { id: "text", rows: 5, required: true, "aria-describedby": "text-how" });
  const give = () => {
    const text = field.value;
    if (text.trim() === "") return field.focus();
    add([{ text, name: text.trim().slice(0, 60), title: `Text ${++texted}` }]);
  };
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) give();
  });
  return element("form", { onsubmit: (event) => { event.preventDefault(); give(); } },
    element("label", { for: "text" }, "Text"), field,
    element("div", { class: "line" },
      element("button", { type: "submit", id: "ask-text" }, "Ask"),
      element("span", { class: "soft", id: "text-how" }, "or Ctrl + Enter")));
}

// Anywhere on the page, so that a file dropped beside the box does not replace the page.
for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    byId("drop")?.classList.toggle("over", name === "dragenter" || name === "dragover");
    if (name === "drop") take(event.dataTransfer.files);
  });
}
document.addEventListener("paste", (event) => take(event.clipboardData.files));
