// @ts-check
// Cut the centre square of a frame and resize it as `core.images.crop_and_resize` does: Pillow's bicubic
// filter in Pillow's integers, so that the model sees a frame as it would see the same file.

/** @typedef {{ first: Int32Array, count: Int32Array, weight: Int32Array, width: number }} Filter */

const BITS = 22;
const HALF = 1 << (BITS - 1);
const CACHED_FILTERS = 4; // a camera has one size

/** @type {Map<string, Filter>} */
const filters = new Map();
let rows = new Uint8Array(0);
let fitted = new Uint8Array(0);
let sums = new Int32Array(0);

function bicubic(x) {
  x = Math.abs(x);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((x - 5) * x + 8) * x * -0.5 + 2 : 0;
}

/**
 * Which pixels of a line make each pixel of the result, and their weights.
 * @param {number} length of the line
 * @param {number} size of the result
 */
function filter(length, from, to, size) {
  const key = `${length} ${from} ${to} ${size}`;
  const cached = filters.get(key);
  if (cached) return cached;
  if (filters.size >= CACHED_FILTERS) filters.clear();
  const scale = Math.fround(to - from) / size;
  const stretch = Math.max(scale, 1);
  const support = 2 * stretch;
  const width = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(size);
  const count = new Int32Array(size);
  const weight = new Int32Array(size * width);
  const shares = new Float64Array(width);
  for (let i = 0; i < size; i += 1) {
    const centre = from + (i + 0.5) * scale;
    first[i] = Math.max(0, Math.trunc(centre - support + 0.5));
    count[i] = Math.min(length, Math.trunc(centre + support + 0.5)) - first[i];
    let sum = 0;
    for (let k = 0; k < count[i]; k += 1) {
      shares[k] = bicubic((first[i] + k - centre + 0.5) / stretch);
      sum += shares[k];
    }
    for (let k = 0; k < count[i]; k += 1) {
      const scaled = (shares[k] / sum) * (1 << BITS);
      weight[i * width + k] = Math.trunc(scaled + (scaled < 0 ? -0.5 : 0.5));
    }
  }
  const made = { first, count, weight, width };
  filters.set(key, made);
  return made;
}

function clip(sum) {
  const value = sum >> BITS;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

/**
 * @param {{ data: ArrayLike<number>, width: number, height: number }} image RGBA
 * @param {number} size of the result in pixels
 * @param {number} crop share of the shorter edge
 * @returns {Uint8Array<ArrayBuffer>} RGB of size × size pixels; overwritten by the next call
 */
export function fit({ data, width, height }, size, crop) {
  const edge = crop * Math.min(width, height);
  const left = (width - edge) / 2;
  const top = (height - edge) / 2;
  // Pillow takes the box in single precision.
  const across = filter(width, Math.fround(left), Math.fround(left + edge), size);
  const down = filter(height, Math.fround(top), Math.fround(top + edge), size);
  const firstRow = down.first[0];
  const rowCount = down.first[size - 1] + down.count[size - 1] - firstRow;
  const stride = size * 3;
  if (rows.length !== rowCount * stride) rows = new Uint8Array(rowCount * stride);
  if (sums.length !== stride) {
    sums = new Int32Array(stride);
    fitted = new Uint8Array(size * stride);
  }
  for (let y = 0, out = 0; y < rowCount; y += 1) {
    const line = (y + firstRow) * width * 4;
    for (let x = 0; x < size; x += 1, out += 3) {
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      let at = line + across.first[x] * 4;
      for (let k = x * across.width, end = k + across.count[x]; k < end; k += 1, at += 4) {
        const weight = across.weight[k];
        red = (red + Math.imul(data[at], weight)) | 0;
        green = (green + Math.imul(data[at + 1], weight)) | 0;
        blue = (blue + Math.imul(data[at + 2], weight)) | 0;
      }
      rows[out] = clip(red);
      rows[out + 1] = clip(green);
      rows[out + 2] = clip(blue);
    }
  }
  for (let y = 0, out = 0; y < size; y += 1) {
    sums.fill(HALF);
    for (let k = 0, at = (down.first[y] - firstRow) * stride; k < down.count[y]; k += 1) {
      const weight = down.weight[y * down.width + k];
      for (let x = 0; x < stride; x += 1, at += 1) sums[x] += rows[at] * weight;
    }
    for (let x = 0; x < stride; x += 1, out += 1) fitted[out] = clip(sums[x]);
  }
  return fitted;
}

/** The same picture as `core.live.parts.reference_picture`: RGB of size × size pixels. */
export function referencePicture(size) {
  const picture = new Uint8Array(size * size * 3);
  for (let y = 0, out = 0; y < size; y += 1)
    for (let x = 0; x < size; x += 1) {
      picture[out++] = Math.floor((x * 255) / (size - 1));
      picture[out++] = Math.floor((y * 255) / (size - 1));
      picture[out++] = (3 * x) ^ (5 * y);
    }
  return picture;
}
