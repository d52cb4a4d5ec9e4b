// What a person gave, as they gave it.

import { element, size } from "./elements.js";

const SMALL = 96;
const TINY = 300;
const EACH = 5;

/** {node, seek, picture}: an element that shows an input; a sound's `seek`; where it is a picture, what lies over it
 * goes into `picture`. */
export function preview(model, input) {
  if (input.text !== undefined) return { node: element("blockquote", {}, input.text) };
  const address = URL.createObjectURL(input.file);
  const forget = () => URL.revokeObjectURL(address);
  if (model.modality === "image") return { ...picture(address, input), forget };
  if (model.modality === "sound") return { ...sound(address, input), forget };
  return { node: element("p", { class: "soft" }, size(input.file.size)), forget };
}

function picture(address, input) {
  const image = element("img", { src: address, alt: `What was given: ${input.name}` });
  const stage = element("div", { class: "picture" }, image);
  const node = element("figure", {}, stage);
  image.addEventListener("load", () => {
    const longer = Math.max(image.naturalWidth, image.naturalHeight);
    image.classList.toggle("small", longer <= SMALL);
    node.closest(".result")?.classList.toggle("tiny", longer <= TINY);
  });
  image.addEventListener("error", () => {
    stage.replaceChildren(element("p", { class: "soft" }, "This browser cannot show it."));
    node.closest(".result")?.classList.add("unseen");
  });
  return { node, picture: { stage, image } };
}

function sound(address, input) {
  const player = element("audio", { src: address, controls: true, "aria-label": `What was given: ${input.name}` });
  const wave = element("canvas", { class: "wave", width: 640, height: 96, role: "img", "aria-label": "The sound's loudness over time" });
  draw(wave, input.file).catch(() => wave.remove());
  return {
    node: element("figure", {}, wave, player),
    seek: (seconds) => {
      player.currentTime = seconds;
      player.play().catch(() => {});
    },
  };
}

/** Each column is as high as the loudest sample of its time, beside the loudest of all. */
async function draw(canvas, file) {
  const audio = new OfflineAudioContext(1, 1, 16000);
  const samples = (await audio.decodeAudioData(await file.arrayBuffer())).getChannelData(0);
  const board = canvas.getContext("2d");
  board.fillStyle = getComputedStyle(document.body).getPropertyValue("--bar");
  const columns = Math.floor(canvas.width / EACH);
  const loudest = Array(columns).fill(0);
  samples.forEach((sample, at) => {
    const column = Math.floor((at * columns) / samples.length);
    loudest[column] = Math.max(loudest[column], Math.abs(sample));
  });
  const most = Math.max(...loudest, 1e-6);
  loudest.forEach((own, column) => {
    const high = Math.max(2, (own / most) * canvas.height);
    board.fillRect(EACH * column, (canvas.height - high) / 2, EACH - 2, high);
  });
}
