// @ts-check
// The camera check: send some frames to Python at a press, and show how the camera differs.

import { encodePixels } from "./jpeg.js";
import { fit } from "./pixels.js";

const INTERVAL = 200; // milliseconds from frame to frame
const HELP =
  "Hold up one of your classes and move it about. Only for this check, ten frames are sent to " +
  "this server, measured, and not kept.";
const STOPPED = "The camera stopped during the check. Try again.";

const HTML = `
  <button type="button">Check my camera</button>
  <p class="help"></p>
  <p class="result" role="status"></p>
  <table hidden>
    <thead><tr><th></th><th>Your camera</th><th>Most training pictures</th><th></th></tr></thead>
    <tbody></tbody>
  </table>`;

export class CameraCheck {
  #root;
  #viewfinder;
  #connection;
  /** @type {Model | null} */
  #model = null;
  #running = false;

  /**
   * @param {HTMLElement} root
   * @param {import("./viewfinder.js").Viewfinder} viewfinder
   * @param {import("./connection.js").Connection} connection
   */
  constructor(root, viewfinder, connection) {
    this.#root = root;
    this.#viewfinder = viewfinder;
    this.#connection = connection;
    root.innerHTML = HTML;
    root.hidden = true;
    this.#button.addEventListener("click", () => this.#run());
  }

  /** @param {Model} model `check` is null where there are no training pictures to compare with */
  update(model) {
    const changed = this.#model?.id !== model.id;
    this.#model = model;
    this.#root.hidden = !model.check;
    if (!model.check) return;
    this.#button.hidden = Boolean(model.check.missing);
    this.#find(".help").textContent = model.check.missing || HELP;
    if (changed) this.#show("");
    this.cameraChanged();
  }

  cameraChanged() {
    this.#button.disabled = this.#running || !this.#viewfinder.live;
  }

  async #run() {
    const model = this.#model;
    this.#running = true;
    this.cameraChanged();
    this.#show("");
    let result;
    try {
      const check = await this.#captureFrames(model);
      result = (await this.#connection.request({ model: model.id, check })).header;
    } catch (error) {
      result = { sentence: error.message };
    }
    this.#running = false;
    this.cameraChanged();
    if (model.id === this.#model.id) this.#show(result.sentence, result.measures, result.unlike);
  }

  /** @param {Model} model */
  async #captureFrames({ size, crop, check }) {
    const frames = [];
    while (frames.length < check.frames) {
      if (frames.length) await new Promise((resolve) => setTimeout(resolve, INTERVAL));
      const image = this.#viewfinder.live && this.#viewfinder.grab();
      if (!image) throw new Error(STOPPED);
      frames.push(encodePixels(fit(image, size, crop), size));
      this.#find(".result").textContent = `Frame ${frames.length} of ${check.frames}`;
    }
    return frames;
  }

  /** @param {Measure[]} measures */
  #show(sentence, measures = [], unlike = false) {
    this.#find(".result").textContent = sentence;
    this.#root.dataset.unlike = String(unlike);
    this.#find("table").hidden = !measures.length;
    this.#find("tbody").replaceChildren(...measures.map(row));
  }

  get #button() {
    return this.#root.querySelector("button");
  }

  /** @returns {HTMLElement} */
  #find = (selector) => this.#root.querySelector(selector);
}

/** @param {Measure} measure */
function row({ name, camera, training, difference }) {
  const line = document.createElement("tr");
  const heading = document.createElement("th");
  heading.scope = "row";
  heading.textContent = name[0].toUpperCase() + name.slice(1);
  line.append(heading);
  for (const text of [camera, training, difference]) line.insertCell().textContent = text;
  return line;
}
