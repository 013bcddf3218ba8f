// Lay a heat map over the picture as `core.model.heatmap.overlay` does: the more evidence at a place, the
// lighter its colour and the less of the picture shows through.

const EDGE = 56;
const STRENGTH = 0.7;

export function drawHeat(canvas, heat, ramp) {
  const side = Math.round(Math.sqrt(heat.length));
  const most = heat.reduce((a, b) => Math.max(a, b), 1e-12);
  canvas.width = canvas.height = EDGE;
  const context = canvas.getContext("2d");
  const drawn = context.createImageData(EDGE, EDGE);
  for (let y = 0, out = 0; y < EDGE; y += 1)
    for (let x = 0; x < EDGE; x += 1, out += 4) {
      const level = Math.max(0, between(heat, side, x, y)) / most;
      drawn.data.set([...colour(ramp, level), 255 * STRENGTH * level ** 0.7], out);
    }
  context.putImageData(drawn, 0, 0);
}

function between(heat, side, x, y) {
  const [left, right, across] = around(x, side);
  const [top, bottom, down] = around(y, side);
  const line = (row) =>
    heat[row * side + left] * (1 - across) + heat[row * side + right] * across;
  return line(top) * (1 - down) + line(bottom) * down;
}

function around(at, side) {
  const place = Math.min(Math.max(((at + 0.5) * side) / EDGE - 0.5, 0), side - 1);
  const low = Math.floor(place);
  return [low, Math.min(low + 1, side - 1), place - low];
}

function colour(ramp, level) {
  const place = Math.min(level, 1) * (ramp.length - 1);
  const low = Math.min(Math.floor(place), ramp.length - 2);
  const part = (hex, i) => parseInt(hex.slice(1 + 2 * i, 3 + 2 * i), 16);
  return [0, 1, 2].map(
    (i) => part(ramp[low], i) + (place - low) * (part(ramp[low + 1], i) - part(ramp[low], i)),
  );
}
