// Runs beside the page's own thread: hands it each block of samples that the microphone gives.

registerProcessor("tap", class extends AudioWorkletProcessor {
  process([channels]) {
    if (channels.length > 0) this.port.postMessage(channels[0].slice());
    return true;
  }
});
