// A button that records the microphone, and gives a WAV file.

import { announce, element } from "./elements.js";
import { wavOf } from "./wav.js";

const LONGEST_S = 60;

/** The button, with how long it has recorded; `add` is told each recording. */
export function recorder(add) {
  const button = element("button", { type: "button", id: "record", "aria-pressed": "false" }, "Record");
  const said = element("span", { class: "soft", role: "status" });
  let [recording, count] = [null, 0];

  async function toggle() {
    button.disabled = true;
    try {
      if (recording === null) recording = await begin((seconds) => {
        // Another model was chosen.
        if (!button.isConnected) return recording?.();
        said.textContent = `${seconds.toFixed(1)} s`;
        if (seconds >= LONGEST_S) toggle();
      });
      else {
        const ended = recording;
        recording = null;
        add([{ file: await ended(), name: `recording ${++count}.wav` }]);
      }
      said.textContent = "";
    } catch (error) {
      said.textContent = `The microphone cannot be used (${error.message}).`;
    }
    button.disabled = false;
    button.textContent = recording === null ? "Record" : "Stop and ask";
    button.setAttribute("aria-pressed", String(recording !== null));
    announce(recording === null ? "Recording ended" : "Recording");
  }

  button.addEventListener("click", toggle);
  return element("div", { class: "line" }, button, said);
}

/** Starts to record; what it gives back ends that, and gives the file. */
async function begin(progress) {
  if (!navigator.mediaDevices) throw new Error("browsers allow it to this machine's own pages and to https alone");
  const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
  const audio = new AudioContext();
  const chunks = [];
  let samples = 0;
  await audio.audioWorklet.addModule("/page/tap.js");
  const tap = new AudioWorkletNode(audio, "tap", { numberOfOutputs: 0 });
  tap.port.onmessage = ({ data }) => {
    chunks.push(data);
    samples += data.length;
    progress(samples / audio.sampleRate);
  };
  audio.createMediaStreamSource(stream).connect(tap);
  return async () => {
    tap.port.onmessage = null;
    for (const track of stream.getTracks()) track.stop();
    await audio.close();
    return wavOf(chunks, audio.sampleRate);
  };
}
