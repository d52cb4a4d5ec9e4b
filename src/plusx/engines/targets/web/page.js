// The page: loads the model, answers a picture, and checks the golden examples.

import * as ort from "./runtime/ort.wasm.bundle.min.mjs";
import { rows } from "./answers.js";
import { byChannels, fitted, opened } from "./prepare.js";

const byId = (id) => document.getElementById(id);
const say = (id, text, kind = "") => {
  byId(id).textContent = text;
  byId(id).className = kind;
  byId(id).hidden = text === "";
};

// More threads need headers that a plain static server does not send.
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = { wasm: new URL("runtime/ort-wasm-simd-threaded.wasm", document.baseURI).href };
ort.env.logLevel = "error";

async function loaded(name) {
  const response = await fetch(name);
  if (!response.ok) throw new Error(`${name} is not beside this page (${response.status})`);
  return response;
}

const model = await start().catch((error) => {
  say("about", `The model cannot be loaded (${error.message}); open this page from a server that has its whole folder.`, "bad");
  throw error;
});

async function start() {
  const about = await (await loaded("model.json")).json();
  const session = await ort.InferenceSession.create(await (await loaded("model.onnx")).arrayBuffer(), {
    executionProviders: ["wasm"],
  });
  return { about, session };
}

const { about, session } = model;
const { preprocessing: spec, labels } = about;
const task = about.task.name;

async function outputs(data, shape) {
  const found = await session.run({ input: new ort.Tensor("uint8", data, shape) });
  return Object.fromEntries(Object.entries(found).map(([name, tensor]) => [name, tensor.data]));
}

function show({ data, width, height, channels }) {
  const canvas = byId("seen");
  [canvas.width, canvas.height] = [width, height];
  canvas.className = width < 128 ? "small" : "";
  const pixels = new ImageData(width, height);
  for (let at = 0; at < width * height; at++) {
    const colour = channels === 3 ? data.subarray(3 * at, 3 * at + 3) : [data[at], data[at], data[at]];
    pixels.data.set([...colour, 255], 4 * at);
  }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  say("caption", `What the network sees: ${width} x ${height}, ${channels === 1 ? "grey" : "colour"}`);
}

async function ask(file) {
  say("error", "");
  try {
    const seen = fitted(await opened(file, spec), spec);
    const found = await outputs(byChannels(seen), [1, seen.channels, seen.height, seen.width]);
    show(seen);
    byId("answers").replaceChildren(...rows(task, labels, found));
    byId("result").hidden = false;
  } catch (error) {
    byId("result").hidden = true;
    say("error", `${file.name}: this browser cannot read it as a picture (${error.message})`);
  }
}

async function check() {
  byId("check").disabled = true;
  try {
    const [inputs, wanted] = await Promise.all(
      ["golden-inputs.bin", "golden-outputs.bin"].map(async (name) => (await loaded(name)).arrayBuffer()),
    );
    const given = (await outputs(new Uint8Array(inputs), about.golden.inputs)).outputs;
    const stored = new Float32Array(wanted);
    let [largest, scale] = [0, 1e-6];
    stored.forEach((value, at) => {
      largest = Math.max(largest, Math.abs(given[at] - value));
      scale = Math.max(scale, Math.abs(value));
    });
    const share = largest / scale;
    // Written so that what is no number fails, too.
    const right = given.length === stored.length && share <= about.tolerance;
    const words = `${about.golden.inputs[0]} examples: the largest difference is ${share.toExponential(1)} of the outputs' scale`;
    byId("checked").dataset.difference = String(share);
    say("checked", `${words}; at most ${about.tolerance} is right. ${right ? "It answers as in training." : "It answers otherwise than in training."}`, right ? "good" : "bad");
  } catch (error) {
    say("checked", `The check failed: ${error.message}`, "bad");
  }
  byId("check").disabled = false;
}

function ready() {
  const outputsOf = { classify: "classes", multilabel: "labels", regress: "numbers" }[task];
  say("about", `Pictures of ${spec.width} x ${spec.height}, ${spec.channels === 1 ? "grey" : "colour"}${outputsOf ? `; ${labels.length} ${outputsOf}: ${labels.slice(0, 12).join(", ")}${labels.length > 12 ? ", …" : ""}` : "; it gives embeddings"}.`);
  if (about.card) {
    say("uses", Object.values(about.card).filter((words) => typeof words === "string").join(" "));
    byId("card").hidden = byId("uses").hidden;
  }
  byId("file").disabled = false;
  byId("check").disabled = false;
  byId("file").addEventListener("change", ({ target }) => target.files[0] && ask(target.files[0]));
  byId("check").addEventListener("click", check);
  const drop = byId("drop");
  for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
    // Anywhere on the page, so that a picture dropped beside the box does not replace the page.
    document.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", name === "dragenter" || name === "dragover");
      if (name === "drop" && event.dataTransfer.files[0]) ask(event.dataTransfer.files[0]);
    });
  }
  document.body.dataset.ready = "yes";
}

ready();
