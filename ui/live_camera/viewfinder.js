// @ts-check
// The camera's picture with its controls: choice of camera, mirror, pause.

import { encodeFrame } from "./jpeg.js";
import { DISCONNECTED, listCameras, openCamera, stopStream } from "./stream.js";

const HTML = `
  <div class="screen">
    <div class="picture">
      <video playsinline muted aria-label="What the camera sees"></video>
      <canvas class="heat" hidden></canvas>
      <div class="crop" aria-hidden="true"></div>
    </div>
    <div class="notice" role="alert" hidden><p></p><button type="button">Try again</button></div>
  </div>
  <div class="controls">
    <button type="button" class="pause" aria-keyshortcuts="P">Pause</button>
    <button type="button" class="mirror" aria-keyshortcuts="M" aria-pressed="true">Mirror</button>
    <label class="choice" hidden>Camera <select></select></label>
  </div>`;
const NEXT_FRAME_TIMEOUT = 250; // milliseconds; a hidden tab gets no frames

export class Viewfinder {
  #root;
  /** @type {MediaStream | null} */
  #stream = null;
  /** @type {HTMLVideoElement} */
  #video;
  #canvas = document.createElement("canvas");
  #context = this.#canvas.getContext("2d", { willReadFrequently: true });
  #closed = false;
  #openings = 0;
  #onChange;
  #crop = 1;
  #hasFrame = false;
  #onFrame = () => {};
  paused = false;

  /**
   * @param {HTMLElement} root
   * @param {() => void} onChange called when the camera starts, pauses, resumes or fails
   */
  constructor(root, onChange) {
    this.#root = root;
    this.#onChange = onChange;
    root.innerHTML = HTML;
    this.#video = root.querySelector("video");
    /** @type {HTMLCanvasElement} */
    this.heat = root.querySelector("canvas.heat");
    this.controls = this.#find(".controls");
    this.#find(".pause").addEventListener("click", () => this.#togglePause());
    this.#find(".mirror").addEventListener("click", () => this.#toggleMirror());
    this.#find(".notice button").addEventListener("click", () => this.start());
    const select = root.querySelector("select");
    select.addEventListener("change", () => this.start(select.value));
    root.addEventListener("keydown", (event) => this.#pressShortcut(event));
    for (const event of ["loadedmetadata", "resize"])
      this.#video.addEventListener(event, () => this.#outlineCrop());
    navigator.mediaDevices?.addEventListener?.("devicechange", this.#listCameras);
    this.#find(".picture").classList.add("mirrored");
    this.#watchFrames();
  }

  /** Whether there is a picture, moving or paused. */
  get #hasPicture() {
    return Boolean(this.#stream) && this.#video.videoWidth > 0;
  }

  get live() {
    return this.#hasPicture && !this.paused;
  }

  /** The share of the shorter edge that the model sees. */
  set crop(crop) {
    this.#crop = crop;
    this.#outlineCrop();
  }

  /** @param {string} [deviceId] */
  async start(deviceId) {
    const opening = (this.#openings += 1);
    const superseded = () => this.#closed || opening !== this.#openings;
    this.#stop();
    this.#showNotice("");
    try {
      const stream = await openCamera(deviceId);
      // The visitor may have left, or chosen another camera, while the browser asked.
      if (superseded()) return stopStream(stream);
      this.#stream = stream;
      stream.getVideoTracks()[0].addEventListener("ended", () => this.#disconnected(stream));
      this.#video.srcObject = stream;
      if (!this.paused) await this.#video.play();
      await this.#listCameras();
    } catch (error) {
      if (!superseded()) this.#showNotice(error.message);
    }
    this.#onChange();
  }

  /** The current frame, or null where there is none. */
  grab() {
    const { videoWidth: width, videoHeight: height } = this.#video;
    if (!this.#hasPicture) return null;
    if (this.#canvas.width !== width) this.#canvas.width = width;
    if (this.#canvas.height !== height) this.#canvas.height = height;
    this.#context.drawImage(this.#video, 0, 0);
    return this.#context.getImageData(0, 0, width, height);
  }

  /** The current frame as `encodeFrame` packs it, or null where there is none. */
  grabJpeg(edge, quality) {
    return this.#hasPicture ? encodeFrame(this.#video, edge, quality) : null;
  }

  /**
   * Resolves when the camera has a frame that was not waited for yet.
   * @returns {Promise<void>}
   */
  nextFrame() {
    if (this.#hasFrame) {
      this.#hasFrame = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, NEXT_FRAME_TIMEOUT);
      this.#onFrame = () => {
        clearTimeout(timer);
        this.#hasFrame = false;
        resolve();
      };
    });
  }

  #watchFrames() {
    const video = this.#video;
    const next = () =>
      video.requestVideoFrameCallback
        ? video.requestVideoFrameCallback(arrived)
        : requestAnimationFrame(arrived);
    const arrived = () => {
      if (this.#closed) return;
      this.#hasFrame = true;
      this.#onFrame();
      this.#onFrame = () => {};
      next();
    };
    next();
  }

  close() {
    this.#closed = true;
    this.#stop();
    navigator.mediaDevices?.removeEventListener?.("devicechange", this.#listCameras);
  }

  /** @returns {HTMLElement} */
  #find = (selector) => this.#root.querySelector(selector);

  #stop() {
    stopStream(this.#stream);
    this.#stream = null;
    this.#video.srcObject = null;
  }

  /** @param {MediaStream} stream */
  #disconnected(stream) {
    if (stream !== this.#stream) return;
    this.#stop();
    this.#showNotice(DISCONNECTED);
    this.#onChange();
  }

  #showNotice(text) {
    this.#find(".notice p").textContent = text;
    this.#find(".notice").hidden = !text;
  }

  #togglePause() {
    this.paused = !this.paused;
    this.#find(".pause").textContent = this.paused ? "Resume" : "Pause";
    if (this.paused) this.#video.pause();
    else if (this.#stream) this.#video.play();
    this.#onChange();
  }

  #toggleMirror() {
    const mirrored = this.#find(".picture").classList.toggle("mirrored");
    this.#find(".mirror").setAttribute("aria-pressed", String(mirrored));
  }

  /** @param {KeyboardEvent} event */
  #pressShortcut(event) {
    const target = /** @type {Element} */ (event.target);
    if (target.closest("select") || event.ctrlKey || event.metaKey || event.altKey) return;
    /** @type {HTMLButtonElement | null} */
    const button = this.#root.querySelector(`[aria-keyshortcuts="${event.key.toUpperCase()}"]`);
    if (!button || button.disabled) return;
    event.preventDefault();
    event.stopPropagation();
    button.click();
  }

  #listCameras = async () => {
    const cameras = await listCameras().catch(() => []);
    const current = this.#stream?.getVideoTracks()[0]?.getSettings().deviceId;
    const options = cameras.map(({ id, label }) => new Option(label, id, false, id === current));
    this.#find("select").replaceChildren(...options);
    this.#find(".choice").hidden = cameras.length < 2;
  };

  // Outline what the model sees: the centre square.
  #outlineCrop() {
    const { videoWidth: width, videoHeight: height } = this.#video;
    if (!width) return;
    const edge = this.#crop * Math.min(width, height);
    const style = {
      left: `${50 - (50 * edge) / width}%`,
      top: `${50 - (50 * edge) / height}%`,
      width: `${(100 * edge) / width}%`,
      height: `${(100 * edge) / height}%`,
    };
    Object.assign(this.heat.style, style);
    Object.assign(this.#find(".crop").style, style);
  }
}
