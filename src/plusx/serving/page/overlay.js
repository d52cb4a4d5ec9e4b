// What lies over a picture: boxes, a mask, where the model looked.

import { element, percent } from "./elements.js";

const SVG = "http://www.w3.org/2000/svg";
const COLOURS = 8;
/** From what the answer did not come from to what it did: clear, then violet, orange, light yellow. */
const RAMP = [[0, [60, 20, 110, 0]], [0.25, [110, 30, 120, 90]], [0.55, [225, 90, 50, 160]], [0.8, [252, 170, 40, 190]], [1, [252, 250, 170, 215]]];

/** Boxes with their labels, in the picture's own pixels; gives back what points one out. */
export function layBoxes({ stage, image }, boxes, classes) {
  const lay = () => {
    const [width, height] = [image.naturalWidth, image.naturalHeight];
    const frame = document.createElementNS(SVG, "svg");
    frame.setAttribute("viewBox", `0 0 ${width} ${height}`);
    frame.setAttribute("aria-hidden", "true");
    const labels = boxes.map(({ label, probability, box: [left, top, right, bottom] }) => {
      const colour = `c${Math.max(0, classes.indexOf(label)) % COLOURS}`;
      const rectangle = document.createElementNS(SVG, "rect");
      const place = { x: left, y: top, width: right - left, height: bottom - top, class: `box ${colour}` };
      for (const [name, value] of Object.entries(place)) rectangle.setAttribute(name, String(value));
      frame.append(rectangle);
      const tag = element("span", { class: `tag ${colour}`, "aria-hidden": "true" }, `${label} ${percent(probability)}`);
      tag.style.left = `${(100 * left) / width}%`;
      tag.style.top = `${(100 * top) / height}%`;
      return tag;
    });
    stage.append(frame, ...labels);
  };
  loaded(image, lay);
  return (pointed) => {
    [...stage.querySelectorAll(".box")].forEach((box, at) => box.classList.toggle("dim", pointed !== null && pointed !== at));
    [...stage.querySelectorAll(".tag")].forEach((tag, at) => tag.classList.toggle("dim", pointed !== null && pointed !== at));
  };
}

/** A mask over the picture, and what its colours mean; gives back elements for below it. */
export function layMask({ stage }, mask, legend, named) {
  const over = element("img", { class: "over mask", src: mask, alt: "" });
  stage.append(over);
  const marks = legend.map(({ label, colour, share }) => {
    const patch = element("span", { class: "patch", "aria-hidden": "true" });
    patch.style.backgroundColor = colour;
    return element("li", {}, patch, `${label}${typeof share === "number" ? ` ${percent(share)}` : ""}`);
  });
  return [slider(`Mask of ${named}`, "Mask", over, 0.6), element("ul", { class: "legend" }, ...marks)];
}

/** Heat over the picture, where its `box` in the picture's pixels says; gives back elements for below it. */
export function layHeat({ stage }, { rows, columns, values, box, width, height }, named) {
  const canvas = element("canvas", { class: "over heat", width: columns, height: rows, "aria-hidden": "true" });
  const board = canvas.getContext("2d");
  const pixels = board.createImageData(columns, rows);
  values.forEach((value, at) => pixels.data.set(colourOf(value), 4 * at));
  board.putImageData(pixels, 0, 0);
  const [left, top, right, bottom] = [box[0] / width, box[1] / height, box[2] / width, box[3] / height];
  const place = { left, top, width: right - left, height: bottom - top };
  for (const [side, share] of Object.entries(place)) canvas.style[side] = `${100 * share}%`;
  stage.append(canvas);
  return [slider(`Strength of the overlay over ${named}`, "Overlay", canvas, 0.9)];
}

function colourOf(value) {
  const after = Math.max(1, RAMP.findIndex(([at]) => at >= value));
  const [[from, low], [to, high]] = [RAMP[after - 1], RAMP[after]];
  const share = (Math.min(1, Math.max(0, value)) - from) / (to - from);
  return low.map((part, at) => Math.round(part + share * (high[at] - part)));
}

function slider(label, words, over, begins) {
  over.style.opacity = String(begins);
  const range = element("input", {
    type: "range", min: 0, max: 1, step: 0.05, value: begins, "aria-label": label,
    oninput: ({ target }) => { over.style.opacity = target.value; },
  });
  return element("label", { class: "slider soft" }, words, range);
}

function loaded(image, then) {
  if (image.complete && image.naturalWidth > 0) then();
  else image.addEventListener("load", then, { once: true });
}
