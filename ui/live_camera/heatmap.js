// @ts-check
// Draw a heat map over the picture as `core.model.heatmap.overlay` does: the more evidence at a
// place, the lighter its colour and the less of the picture shows through.

const EDGE = 56;
const OPACITY = 0.7;
const LEVELS = 256;

/** @type {string[]} */
let ramp = [];
const colours = new Uint32Array(LEVELS); // RGBA of each level

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Float32Array} heat evidence of side × side places
 * @param {string[]} newRamp hex colours
 */
export function drawHeatmap(canvas, heat, newRamp) {
  if (ramp.join() !== newRamp.join()) fillColours((ramp = newRamp));
  const side = Math.round(Math.sqrt(heat.length));
  const scale = (LEVELS - 1) / heat.reduce((a, b) => Math.max(a, b), 1e-12);
  canvas.width = canvas.height = EDGE;
  const context = canvas.getContext("2d");
  const image = context.createImageData(EDGE, EDGE);
  const pixels = new Uint32Array(image.data.buffer);
  for (let y = 0, out = 0; y < EDGE; y += 1) {
    const row = coordinate(y, side);
    const top = Math.floor(row);
    const bottom = Math.min(top + 1, side - 1);
    for (let x = 0; x < EDGE; x += 1, out += 1) {
      const column = coordinate(x, side);
      const left = Math.floor(column);
      const right = Math.min(left + 1, side - 1);
      const above = mix(heat[top * side + left], heat[top * side + right], column - left);
      const below = mix(heat[bottom * side + left], heat[bottom * side + right], column - left);
      pixels[out] = colours[Math.round(scale * Math.max(0, mix(above, below, row - top)))];
    }
  }
  context.putImageData(image, 0, 0);
}

const mix = (from, to, share) => from + share * (to - from);

/** Where a pixel of the canvas lies on the heat map. */
const coordinate = (pixel, side) =>
  Math.min(Math.max(((pixel + 0.5) * side) / EDGE - 0.5, 0), side - 1);

/** @param {string[]} ramp */
function fillColours(ramp) {
  const bytes = new Uint8ClampedArray(colours.buffer);
  for (let i = 0; i < LEVELS; i += 1) {
    const level = i / (LEVELS - 1);
    const place = level * (ramp.length - 1);
    const low = Math.min(Math.floor(place), ramp.length - 2);
    for (let channel = 0; channel < 3; channel += 1) {
      const value = (hex) => parseInt(hex.slice(1 + 2 * channel, 3 + 2 * channel), 16);
      bytes[4 * i + channel] = mix(value(ramp[low]), value(ramp[low + 1]), place - low);
    }
    bytes[4 * i + 3] = 255 * OPACITY * level ** 0.7;
  }
}
