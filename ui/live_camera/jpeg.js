// Pack pixels that a model would see as a JPEG, to send them to Python.

const QUALITY = 0.92; // as `core.model.appearance.QUALITY`

const canvas = document.createElement("canvas");

// RGB of size × size, Uint8Array → base64.
export function jpeg(rgb, size) {
  canvas.width = canvas.height = size;
  const context = canvas.getContext("2d");
  const drawn = context.createImageData(size, size);
  for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
    drawn.data.set([rgb[from], rgb[from + 1], rgb[from + 2], 255], to);
  }
  context.putImageData(drawn, 0, 0);
  return canvas.toDataURL("image/jpeg", QUALITY).split(",")[1];
}
