// @ts-check
// Encode pixels and video frames as JPEGs in base64, to send them to Python.

const QUALITY = 0.92; // as `core.model.appearance.QUALITY`

const canvas = document.createElement("canvas");
/** @type {ImageData | null} */
let image = null;

/** @param {Uint8Array} rgb size × size pixels */
export function encodePixels(rgb, size) {
  const context = resized(size, size);
  if (image?.width !== size) image = context.createImageData(size, size);
  const { data } = image;
  for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
    data[to] = rgb[from];
    data[to + 1] = rgb[from + 1];
    data[to + 2] = rgb[from + 2];
    data[to + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return encoded(QUALITY);
}

/**
 * @param {HTMLVideoElement} video
 * @param {number} edge largest length of the shorter edge in pixels
 * @param {number} quality 0 to 1
 */
export function encodeFrame(video, edge, quality) {
  const scale = Math.min(1, edge / Math.min(video.videoWidth, video.videoHeight));
  const width = Math.round(scale * video.videoWidth);
  const height = Math.round(scale * video.videoHeight);
  const context = resized(width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(video, 0, 0, width, height);
  return encoded(quality);
}

function resized(width, height) {
  canvas.width = width;
  canvas.height = height;
  return canvas.getContext("2d");
}

const encoded = (quality) => canvas.toDataURL("image/jpeg", quality).split(",")[1];
