// @ts-check
// Open, list and stop cameras, and explain what is wrong.

const BUSY = "The camera is busy: another program is using it. Close that program.";
const BLOCKED =
  "The camera is blocked for this page. Allow it beside the address at the top of the browser.";
/** @type {Record<string, string>} */
const MESSAGES = {
  NotAllowedError: BLOCKED,
  SecurityError: BLOCKED,
  NotFoundError: "No camera was found. Plug one in, or add a picture another way.",
  OverconstrainedError: "That camera is gone. Choose another one.",
  NotReadableError: BUSY,
  AbortError: BUSY,
};
const INSECURE =
  "Browsers give the camera only to pages over https or on localhost. Open this page that way.";
export const DISCONNECTED = "The camera was disconnected.";

/**
 * Throws an Error whose message is for the visitor.
 * @param {string} [deviceId]
 */
export async function openCamera(deviceId) {
  if (!navigator.mediaDevices?.getUserMedia) throw new Error(INSECURE);
  const size = { width: { ideal: 640 }, height: { ideal: 480 } };
  const video = deviceId ? { ...size, deviceId: { exact: deviceId } } : size;
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: false, video });
  } catch (error) {
    throw new Error(MESSAGES[error.name] ?? `The camera cannot be opened: ${error.message}.`);
  }
}

/** Browsers give names only once a camera may be used. */
export async function listCameras() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices
    .filter(({ kind }) => kind === "videoinput")
    .map(({ deviceId, label }, i) => ({ id: deviceId, label: label || `Camera ${i + 1}` }));
}

/** @param {MediaStream | null} stream */
export function stopStream(stream) {
  stream?.getTracks().forEach((track) => track.stop());
}
