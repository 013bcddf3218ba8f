// What the camera sees, with the controls that belong to it: choice of camera, mirror, pause.

import { GONE, cameras, openCamera, stop } from "./stream.js";

const HTML = `
  <div class="screen">
    <div class="picture">
      <video playsinline muted aria-label="What the camera sees"></video>
      <canvas class="heat" hidden></canvas>
      <div class="seen" aria-hidden="true"></div>
    </div>
    <div class="notice" role="alert" hidden><p></p><button type="button">Try again</button></div>
  </div>
  <div class="controls">
    <button type="button" class="pause" aria-keyshortcuts="P">Pause</button>
    <button type="button" class="mirror" aria-keyshortcuts="M" aria-pressed="true">Mirror</button>
    <label class="choice" hidden>Camera <select></select></label>
  </div>`;

export class Stage {
  #root;
  #stream = null;
  #video;
  #canvas = document.createElement("canvas");
  #left = false;
  #opening = 0;
  #fresh = false;
  #arrived = () => {};
  paused = false;

  // `changed()` is called when the camera starts, pauses, goes on or fails.
  constructor(root, changed) {
    this.#root = root;
    this.changed = changed;
    root.innerHTML = HTML;
    this.#video = root.querySelector("video");
    this.heat = root.querySelector("canvas.heat");
    this.controls = root.querySelector(".controls");
    this.#on(".pause", "click", () => this.#pause());
    this.#on(".mirror", "click", () => this.#mirror());
    this.#on(".notice button", "click", () => this.start());
    this.#on("select", "change", ({ target }) => this.start(target.value));
    root.addEventListener("keydown", (event) => this.#key(event));
    this.#video.addEventListener("loadedmetadata", () => this.#fitSquare());
    this.#video.addEventListener("resize", () => this.#fitSquare());
    navigator.mediaDevices?.addEventListener?.("devicechange", this.#relist);
    root.querySelector(".picture").classList.add("mirrored");
    this.#watch();
  }

  // Whether there is a picture, moving or held still.
  get seeing() {
    return Boolean(this.#stream) && this.#video.videoWidth > 0;
  }

  get live() {
    return this.seeing && !this.paused;
  }

  // The part of the shorter edge that the model sees.
  set crop(crop) {
    this.#root.dataset.crop = crop;
    this.#fitSquare();
  }

  async start(deviceId) {
    const opening = (this.#opening += 1);
    this.#halt();
    this.#notice("");
    try {
      const stream = await openCamera(deviceId);
      // Whoever left, or chose again, while the browser asked must not leave a camera on.
      if (this.#left || opening !== this.#opening) return stop(stream);
      this.#stream = stream;
      const [track] = stream.getVideoTracks();
      track.addEventListener("ended", () => this.#lost(stream));
      this.#video.srcObject = stream;
      if (!this.paused) await this.#video.play();
      await this.#relist();
    } catch (trouble) {
      if (!this.#left && opening === this.#opening) this.#notice(trouble.message);
    }
    this.changed();
  }

  // The frame that is shown now, as ImageData; null where there is none.
  grab() {
    const { videoWidth: width, videoHeight: height } = this.#video;
    if (!this.seeing) return null;
    if (this.#canvas.width !== width) this.#canvas.width = width;
    if (this.#canvas.height !== height) this.#canvas.height = height;
    const context = this.#canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(this.#video, 0, 0);
    return context.getImageData(0, 0, width, height);
  }

  // The frame that is shown now, no larger than a shorter edge in pixels: a JPEG in base 64.
  still(edge, quality) {
    const { videoWidth: width, videoHeight: height } = this.#video;
    if (!this.seeing) return null;
    const share = Math.min(1, edge / Math.min(width, height));
    const small = document.createElement("canvas");
    small.width = Math.round(share * width);
    small.height = Math.round(share * height);
    const context = small.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(this.#video, 0, 0, small.width, small.height);
    return small.toDataURL("image/jpeg", quality).split(",")[1];
  }

  // Resolves when the camera has a frame that was not asked for yet.
  nextFrame() {
    if (this.#fresh) {
      this.#fresh = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      // A tab that was hidden or a film that has ended gives no more: look again all the same.
      const timer = setTimeout(resolve, 250);
      this.#arrived = () => {
        clearTimeout(timer);
        this.#fresh = false;
        resolve();
      };
    });
  }

  #watch() {
    const again = () => {
      if (this.#left) return;
      this.#fresh = true;
      this.#arrived();
      this.#arrived = () => {};
      next();
    };
    const next = () =>
      this.#video.requestVideoFrameCallback
        ? this.#video.requestVideoFrameCallback(again)
        : requestAnimationFrame(again);
    next();
  }

  leave() {
    this.#left = true;
    this.#halt();
    navigator.mediaDevices?.removeEventListener?.("devicechange", this.#relist);
  }

  #on(selector, event, act) {
    this.#root.querySelector(selector).addEventListener(event, act);
  }

  #halt() {
    stop(this.#stream);
    this.#stream = null;
    this.#video.srcObject = null;
  }

  #lost(stream) {
    if (stream !== this.#stream) return;
    this.#halt();
    this.#notice(GONE);
    this.changed();
  }

  #notice(sentence) {
    const notice = this.#root.querySelector(".notice");
    notice.querySelector("p").textContent = sentence;
    notice.hidden = !sentence;
    this.#root.dataset.trouble = sentence;
  }

  #pause() {
    this.paused = !this.paused;
    this.#root.querySelector(".pause").textContent = this.paused ? "Go on" : "Pause";
    if (this.paused) this.#video.pause();
    else if (this.#stream) this.#video.play();
    this.changed();
  }

  #mirror() {
    const button = this.#root.querySelector(".mirror");
    const mirrored = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", mirrored);
    this.#root.querySelector(".picture").classList.toggle("mirrored", mirrored);
  }

  #key(event) {
    if (event.target.closest("select") || event.ctrlKey || event.metaKey || event.altKey) return;
    const button = this.#root.querySelector(`[aria-keyshortcuts="${event.key.toUpperCase()}"]`);
    if (!button || button.disabled) return;
    event.preventDefault();
    event.stopPropagation();
    button.click();
  }

  #relist = async () => {
    const found = await cameras().catch(() => []);
    const chosen = this.#stream?.getVideoTracks()[0]?.getSettings().deviceId;
    const options = found.map(({ id, label }) => new Option(label, id, false, id === chosen));
    this.#root.querySelector("select").replaceChildren(...options);
    this.#root.querySelector(".choice").hidden = found.length < 2;
  };

  // Outline what the model sees: the centre square.
  #fitSquare() {
    const { videoWidth: width, videoHeight: height } = this.#video;
    const crop = Number(this.#root.dataset.crop ?? 1);
    if (!width) return;
    const edge = crop * Math.min(width, height);
    const share = (part, whole) => `${(100 * part) / whole}%`;
    for (const element of [this.heat, this.#root.querySelector(".seen")])
      Object.assign(element.style, {
        left: share((width - edge) / 2, width),
        top: share((height - edge) / 2, height),
        width: share(edge, width),
        height: share(edge, height),
      });
  }
}
