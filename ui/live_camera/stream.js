// The camera: open, list, stop, and say in words what is wrong.

const WORDS = {
  NotAllowedError:
    "The camera is blocked for this page. Allow it beside the address at the top of the browser.",
  NotFoundError: "No camera was found. Plug one in, or bring a picture another way.",
  OverconstrainedError: "That camera is gone. Choose another one.",
  NotReadableError: "The camera is busy: another program is using it. Close that program.",
  AbortError: "The camera is busy: another program is using it. Close that program.",
};
WORDS.SecurityError = WORDS.NotAllowedError;
const UNSAFE =
  "Browsers give the camera only to pages over https or on localhost. Open this page that way.";
export const GONE = "The camera was unplugged or taken away.";

export class Trouble extends Error {}

// → MediaStream. Throws Trouble, whose message is for the visitor.
export async function openCamera(deviceId) {
  if (!navigator.mediaDevices?.getUserMedia) throw new Trouble(UNSAFE);
  const video = { width: { ideal: 640 }, height: { ideal: 480 } };
  if (deviceId) video.deviceId = { exact: deviceId };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: false, video });
  } catch (error) {
    throw new Trouble(WORDS[error.name] ?? `The camera cannot be opened: ${error.message}.`);
  }
}

// Cameras by id, once one may be used; before that browsers give no names.
export async function cameras() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices
    .filter(({ kind }) => kind === "videoinput")
    .map(({ deviceId, label }, i) => ({ id: deviceId, label: label || `Camera ${i + 1}` }));
}

export function stop(stream) {
  stream?.getTracks().forEach((track) => track.stop());
}
