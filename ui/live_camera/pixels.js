// Cut the centre square of a picture and resize it as `core.images.fit` does: Pillow's bicubic
// filter, with its integers, so that a frame is to the model what the same file would be.

const BITS = 22;

function bicubic(x) {
  x = Math.abs(x);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((x - 5) * x + 8) * x * -0.5 + 2 : 0;
}

const memory = new Map();

// Which pixels make each pixel of a line, and how much each counts.
function weights(length, from, to, size) {
  const key = `${length} ${from} ${to} ${size}`;
  if (memory.has(key)) return memory.get(key);
  if (memory.size > 3) memory.clear(); // a camera has one size; whatever was before it is over
  const scale = Math.fround(to - from) / size;
  const stretch = Math.max(scale, 1);
  const support = 2 * stretch;
  const width = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(size);
  const count = new Int32Array(size);
  const share = new Int32Array(size * width);
  for (let i = 0; i < size; i += 1) {
    const centre = from + (i + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - support + 0.5));
    const high = Math.min(length, Math.trunc(centre + support + 0.5));
    const found = [];
    let sum = 0;
    for (let x = low; x < high; x += 1) {
      const share = bicubic((x - centre + 0.5) / stretch);
      found.push(share);
      sum += share;
    }
    first[i] = low;
    count[i] = high - low;
    found.forEach((value, x) => {
      const scaled = (value / sum) * (1 << BITS);
      share[i * width + x] = Math.trunc(scaled + (scaled < 0 ? -0.5 : 0.5));
    });
  }
  const made = { first, count, share, width };
  memory.set(key, made);
  return made;
}

const clip = (sum) => {
  const value = sum >> BITS;
  return value < 0 ? 0 : value > 255 ? 255 : value;
};

// RGBA pixels of width × height → RGB of size × size, Uint8Array.
export function fit({ data, width, height }, size, crop) {
  const edge = crop * Math.min(width, height);
  const left = (width - edge) / 2;
  const top = (height - edge) / 2;
  // Pillow takes the box in single precision.
  const across = weights(width, Math.fround(left), Math.fround(left + edge), size);
  const down = weights(height, Math.fround(top), Math.fround(top + edge), size);
  const row = down.first[0];
  const rows = down.first[size - 1] + down.count[size - 1] - row;
  const half = 1 << (BITS - 1);
  const narrow = new Uint8Array(rows * size * 3);
  for (let y = 0, out = 0; y < rows; y += 1) {
    const line = (y + row) * width * 4;
    for (let x = 0; x < size; x += 1, out += 3) {
      let red = half;
      let green = half;
      let blue = half;
      let at = line + across.first[x] * 4;
      for (let k = x * across.width, end = k + across.count[x]; k < end; k += 1, at += 4) {
        const share = across.share[k];
        red = (red + Math.imul(data[at], share)) | 0;
        green = (green + Math.imul(data[at + 1], share)) | 0;
        blue = (blue + Math.imul(data[at + 2], share)) | 0;
      }
      narrow[out] = clip(red);
      narrow[out + 1] = clip(green);
      narrow[out + 2] = clip(blue);
    }
  }
  const fitted = new Uint8Array(size * size * 3);
  const stride = size * 3;
  const sums = new Int32Array(stride);
  for (let y = 0, out = 0; y < size; y += 1) {
    sums.fill(half);
    for (let i = 0, at = (down.first[y] - row) * stride; i < down.count[y]; i += 1) {
      const share = down.share[y * down.width + i];
      for (let x = 0; x < stride; x += 1, at += 1) sums[x] += narrow[at] * share;
    }
    for (let x = 0; x < stride; x += 1, out += 1) fitted[out] = clip(sums[x]);
  }
  return fitted;
}

// The picture of `core.live.parts.proof`: RGB, Uint8Array.
export function proof(size) {
  const made = new Uint8Array(size * size * 3);
  for (let y = 0, out = 0; y < size; y += 1)
    for (let x = 0; x < size; x += 1) {
      made[out++] = Math.floor((x * 255) / (size - 1));
      made[out++] = Math.floor((y * 255) / (size - 1));
      made[out++] = (3 * x) ^ (5 * y);
    }
  return made;
}
