// A canvas to draw on, by pointer or by keys.

import { announce, element } from "./elements.js";

const SIDE = 280;
const PAUSE_MS = 120;
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** A drawing as wide as the model's pictures; `live` is told of it after each stroke, and of null when it is empty. */
export function drawing(spec, live) {
  // Models of light strokes on dark ground have a dark mean.
  const dark = (spec.mean?.[0] ?? 255) < 128;
  const [ground, ink] = dark ? ["#000", "#fff"] : ["#fff", "#000"];
  const canvas = element("canvas", {
    id: "draw", width: SIDE, height: Math.round((SIDE * spec.height) / spec.width), tabindex: 0, role: "img",
    "aria-label": "Draw here. Arrow keys move the pen, Space puts it down and lifts it.", class: dark ? "dark" : "light",
  });
  const board = canvas.getContext("2d");
  const strokes = [];
  let [timer, drawn] = [null, null];

  function paint(pen = null) {
    board.fillStyle = ground;
    board.fillRect(0, 0, canvas.width, canvas.height);
    Object.assign(board, { strokeStyle: ink, fillStyle: ink, lineWidth: SIDE / 13, lineCap: "round", lineJoin: "round" });
    for (const stroke of strokes) {
      board.beginPath();
      board.moveTo(...stroke[0]);
      for (const point of stroke) board.lineTo(...point);
      board.stroke();
    }
    if (pen !== null) {
      Object.assign(board, { strokeStyle: "#7aa8ff", lineWidth: 3 });
      board.beginPath();
      board.arc(...pen, SIDE / 24, 0, 2 * Math.PI);
      board.stroke();
    }
  }

  function changed() {
    for (const button of buttons) button.disabled = strokes.length === 0;
    clearTimeout(timer);
    timer = setTimeout(give, strokes.length === 0 ? 0 : PAUSE_MS);
  }

  function give() {
    if (strokes.length === 0) return live(null);
    paint();
    canvas.toBlob((file) => live({ file, name: "drawing.png", title: "Drawing" }), "image/png");
    paint(byKeys());
  }

  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * canvas.width) / box.width, ((event.clientY - box.top) * canvas.height) / box.height];
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    drawn = [at(event)];
    strokes.push(drawn);
    paint();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (drawn === null) return;
    drawn.push(...(event.getCoalescedEvents?.() ?? [event]).map(at));
    paint();
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, () => {
      if (drawn !== null) changed();
      drawn = null;
    });
  }
  const byKeys = penOf(canvas, strokes, paint, changed);
  const undo = () => { strokes.pop(); paint(); changed(); };
  const clear = () => { strokes.length = 0; paint(); changed(); announce("The drawing is empty."); };
  const buttons = [
    element("button", { type: "button", class: "quiet", id: "undo", onclick: undo, disabled: true }, "Undo"),
    element("button", { type: "button", class: "quiet", id: "clear-drawing", onclick: clear, disabled: true }, "Clear"),
  ];
  paint();
  return element("div", { class: "drawing" }, canvas,
    element("div", { class: "line" }, element("span", { class: "soft" }, "or draw one here, large and in the middle"), ...buttons));
}

/** Lets keys draw: what it gives back tells where the pen is, null while nobody uses it. */
function penOf(canvas, strokes, paint, changed) {
  const pen = [canvas.width / 2, canvas.height / 2];
  let [used, down] = [false, false];
  canvas.addEventListener("keydown", (event) => {
    if (event.key === " ") {
      down = !down;
      if (down) strokes.push([[...pen]]);
      else changed();
      announce(down ? "Pen down" : "Pen up");
    } else if (event.key in MOVES) {
      MOVES[event.key].forEach((step, axis) => {
        const end = axis === 0 ? canvas.width : canvas.height;
        pen[axis] = Math.min(end, Math.max(0, pen[axis] + (step * SIDE) / 28));
      });
      if (down) strokes.at(-1).push([...pen]);
    } else return;
    event.preventDefault();
    used = true;
    paint(pen);
  });
  canvas.addEventListener("blur", () => {
    if (down) changed();
    [used, down] = [false, false];
    paint();
  });
  return () => (used ? pen : null);
}
