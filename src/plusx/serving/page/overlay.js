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
      // What would be cut at the picture's right edge hangs at the box's other corner.
      if (left > width / 2) {
        tag.classList.add("right");
        tag.style.right = `${100 - (100 * right) / width}%`;
      } else tag.style.left = `${(100 * left) / width}%`;
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
export function layMask({ stage }, { mask, legend }, classes, named) {
  const over = element("img", { class: "over mask", src: mask, alt: `The mask of ${named}` });
  stage.append(over);
  const marks = Object.entries(legend).map(([label, colour]) => {
    // The first class, mostly the background, is not painted.
    const clear = label === classes[0];
    const patch = element("span", { class: clear ? "patch clear" : "patch", "aria-hidden": "true" });
    if (!clear) patch.style.backgroundColor = colour;
    return element("li", {}, patch, label);
  });
  return [slider(`Mask over ${named}`, "Mask", over, 0.6), element("ul", { class: "legend" }, ...marks)];
}

/** Heat over the picture, where its `box` in the picture's pixels says: a slider for below it, and the layer. */
export function layHeat({ stage }, { rows, columns, values, box: [left, top, right, bottom], width, height }, named) {
  const canvas = element("canvas", { class: "over heat", width: columns, height: rows, "aria-hidden": "true" });
  const board = canvas.getContext("2d");
  const pixels = board.createImageData(columns, rows);
  values.forEach((value, at) => pixels.data.set(colourOf(value), 4 * at));
  board.putImageData(pixels, 0, 0);
  const place = { left: left / width, top: top / height, width: (right - left) / width, height: (bottom - top) / height };
  for (const [side, share] of Object.entries(place)) canvas.style[side] = `${100 * share}%`;
  stage.append(canvas);
  return [slider(`Overlay over ${named}`, "Overlay", canvas, 0.9), canvas];
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
