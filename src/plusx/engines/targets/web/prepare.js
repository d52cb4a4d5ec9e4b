// A picture as the model's preprocessing asks for it: what plusx does from its files, in the browser.

import { resized } from "./resample.js";

/** The picture in a file as {data, width, height, channels}: upright, over the background, in the model's channels. */
export async function opened(file, spec) {
  const options = { imageOrientation: "from-image", colorSpaceConversion: "none" };
  const bitmap = await createImageBitmap(file, options);
  const { width, height } = bitmap;
  if (width * height > spec.max_pixels) throw new Error(`${width} x ${height} pixels are above the model's limit`);
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = `rgb(${spec.background} ${spec.background} ${spec.background})`;
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return inChannels(context.getImageData(0, 0, width, height).data, width, height, spec.channels);
}

function inChannels(rgba, width, height, channels) {
  const data = new Uint8Array(width * height * channels);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const [r, g, b] = [rgba[4 * pixel], rgba[4 * pixel + 1], rgba[4 * pixel + 2]];
    // ITU-R 601 in 16 bits behind the point.
    if (channels === 1) data[pixel] = (19595 * r + 38470 * g + 7471 * b + 32768) >> 16;
    else data.set([r, g, b], 3 * pixel);
  }
  return { data, width, height, channels };
}

/** The picture in the model's size, uint8 by rows: {data, width, height, channels}. */
export function fitted(picture, spec) {
  if (spec.fit === "stretch") return resized(picture, spec.width, spec.height, spec.resampling);
  return spec.fit === "crop" ? cropped(picture, spec) : barred(picture, spec);
}

function cropped(picture, spec) {
  const { width, height } = picture;
  const scale = Math.min(width / spec.width, height / spec.height) * spec.crop_fraction;
  const [across, down] = [Math.min(spec.width * scale, width), Math.min(spec.height * scale, height)];
  let [left, top] = [(width - across) / 2, (height - down) / 2];
  if (Math.abs(scale - 1) <= 1e-9 * Math.max(scale, 1)) [left, top] = [Math.trunc(left), Math.trunc(top)];
  const box = [left, top, Math.min(left + across, width), Math.min(top + down, height)];
  return resized(picture, spec.width, spec.height, spec.resampling, box);
}

function barred(picture, spec) {
  const { channels } = picture;
  const scale = spec.fit === "native" ? 1 : Math.min(spec.width / picture.width, spec.height / picture.height);
  const size = [picture.width, picture.height].map((side) => Math.max(1, toEven(side * scale)));
  const same = size[0] === picture.width && size[1] === picture.height;
  const inner = same ? picture : resized(picture, ...size, spec.resampling);
  const left = Math.floor((spec.width - inner.width) / 2);
  const top = Math.floor((spec.height - inner.height) / 2);
  const data = new Uint8Array(spec.width * spec.height * channels).fill(spec.background);
  for (let y = Math.max(0, top); y < Math.min(spec.height, top + inner.height); y++) {
    for (let x = Math.max(0, left); x < Math.min(spec.width, left + inner.width); x++) {
      const from = ((y - top) * inner.width + x - left) * channels;
      data.set(inner.data.subarray(from, from + channels), (y * spec.width + x) * channels);
    }
  }
  return { data, width: spec.width, height: spec.height, channels };
}

/** Python's round: a half goes to the even neighbour. */
function toEven(value) {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

/** By channels, as the network reads them: (channels, height, width). */
export function byChannels({ data, width, height, channels }) {
  const planes = new Uint8Array(data.length);
  for (let at = 0; at < width * height; at++) {
    for (let channel = 0; channel < channels; channel++) planes[channel * width * height + at] = data[at * channels + channel];
  }
  return planes;
}
