// Pillow's resampling of 8-bit pixels, step by step, so that the same pixels give the same numbers as in training:
// one axis after the other, weights in 22 bits behind the point, each pass rounded to bytes.

const BITS = 2 ** 22;

const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

function cubic(x) {
  const a = -0.5;
  x = Math.abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

const FILTERS = {
  bilinear: { reach: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { reach: 2, at: cubic },
  lanczos: { reach: 3, at: (x) => (-3 <= x && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** For each of `size` outputs the first input it sees and the weights from there on; the inputs lie in start..end. */
function weights(length, start, end, size, { reach, at }) {
  const scale = Math.fround(end - start) / size;
  const wide = Math.max(scale, 1);
  return Array.from({ length: size }, (_, place) => {
    const centre = start + (place + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - reach * wide + 0.5), 0);
    const last = Math.min(Math.trunc(centre + reach * wide + 0.5), length);
    // As there, where the inverse is multiplied with.
    const inverse = 1 / wide;
    const own = Array.from({ length: last - first }, (_, k) => at((k + first - centre + 0.5) * inverse));
    const sum = own.reduce((a, b) => a + b, 0);
    return { first, own: own.map((w) => Math.trunc((w / sum) * BITS + (w / sum < 0 ? -0.5 : 0.5))) };
  });
}

/** One pass over `lines` lines; an input lies `step` values from the next, and the next line `jump` from the line. */
function pass(from, into, lines, along, channels, [jump, step], [jumpInto, stepInto]) {
  for (let line = 0; line < lines; line++) {
    along.forEach(({ first, own }, place) => {
      for (let channel = 0; channel < channels; channel++) {
        let sum = BITS / 2;
        for (let k = 0; k < own.length; k++) sum += from[line * jump + (first + k) * step + channel] * own[k];
        into[line * jumpInto + place * stepInto + channel] = Math.min(255, Math.max(0, Math.floor(sum / BITS)));
      }
    });
  }
}

function nearest({ data, width, height, channels }, [left, top, right, bottom], across, down) {
  const places = (start, step, size) => {
    const found = [];
    for (let k = 0, at = start + step * 0.5; k < size; k++, at += step) found.push(Math.floor(at));
    return found;
  };
  const columns = places(left, Math.fround(right - left) / across, across);
  const rows = places(top, Math.fround(bottom - top) / down, down);
  const into = new Uint8Array(across * down * channels);
  rows.forEach((row, y) => columns.forEach((column, x) => {
    for (let channel = 0; channel < channels; channel++) {
      into[(y * across + x) * channels + channel] = data[(row * width + column) * channels + channel];
    }
  }));
  return { data: into, width: across, height: down, channels };
}

/** The part `box` (left, top, right, bottom) of a picture {data, width, height, channels}, `across` by `down` large. */
export function resized(picture, across, down, how, box = [0, 0, picture.width, picture.height]) {
  box = box.map(Math.fround);
  if (how === "nearest") return nearest(picture, box, across, down);
  const { channels } = picture;
  let { data, width, height } = picture;
  if (across !== width || box[0] !== 0 || box[2] !== across) {
    const along = weights(width, box[0], box[2], across, FILTERS[how]);
    const into = new Uint8Array(across * height * channels);
    pass(data, into, height, along, channels, [width * channels, channels], [across * channels, channels]);
    [data, width] = [into, across];
  }
  if (down !== height || box[1] !== 0 || box[3] !== down) {
    const along = weights(height, box[1], box[3], down, FILTERS[how]);
    const into = new Uint8Array(width * down * channels);
    pass(data, into, width, along, channels, [channels, width * channels], [channels, width * channels]);
    [data, height] = [into, down];
  }
  return { data, width, height, channels };
}
