// @ts-check
// Live prediction: one model's predictions beside the camera's picture, with heat map and check.

import { CameraCheck } from "./camera_check.js";
import { drawHeatmap } from "./heatmap.js";
import { LiveView } from "./live_view.js";
import { fetchPart, readLabels } from "./parts.js";
import { percent } from "./prediction_panel.js";
import { Smoothing } from "./smoothing.js";

const OPTIONS = {
  label: "Live view",
  className: "",
  inBrowser: "Frames never leave this device: the model runs in your browser.",
  html: '<div class="check"></div>',
};
const UNLIKE = "Not like the training pictures. The most similar classes are:";

/**
 * @param {Element} parent
 * @param {Record<string, string>} urls
 */
export function open(parent, urls) {
  return new PredictionView(parent, urls);
}

class PredictionView extends LiveView {
  #oodScore = new Smoothing();
  /** @type {number | null} class whose heat map is asked for */
  #explained = null;
  #framesWhilePaused = 0;

  /**
   * @param {Element} parent
   * @param {Record<string, string>} urls
   */
  constructor(parent, urls) {
    super(parent, urls, OPTIONS);
    this.check = new CameraCheck(this.find(".check"), this.viewfinder, this.connection);
    this.heatmapButton = this.#addHeatmapButton();
    this.start();
  }

  /**
   * Called with every change of the data. Only another model opens another engine.
   * @param {ViewData} data
   */
  update(data) {
    const identity = (/** @type {Model | undefined} */ model) =>
      JSON.stringify([model?.id, model?.parts]);
    const changed = identity(this.data?.model) !== identity(data.model);
    this.data = data;
    this.viewfinder.crop = data.model.crop;
    this.check.update(data.model);
    if (changed) {
      this.reset();
      this.panel.clear();
      this.panel.showLocation("", "");
      this.openEngine();
    }
    this.#predictPaused();
  }

  /** @param {Engine} engine */
  async prepare(engine) {
    const labels = await fetchPart(this.connection, engine.model, "labels");
    if (engine.model.id === this.data.model.id) this.labels = readLabels(labels);
  }

  wantsFrame() {
    return !this.viewfinder.paused || this.#framesWhilePaused > 0;
  }

  takeFrame() {
    this.#framesWhilePaused = Math.max(0, this.#framesWhilePaused - 1);
    return this.#heatmapOn ? this.#explained : null;
  }

  verdict({ oodScore }, probability, now) {
    const { threshold } = this.data.model;
    if (oodScore !== null && this.#oodScore.update([oodScore], now)[0] > 1) return UNLIKE;
    return probability < threshold ? `Not sure: below this model's ${percent(threshold)}.` : "";
  }

  shown({ heat }, index) {
    const canvas = this.viewfinder.heat;
    canvas.hidden = !heat || !this.#heatmapOn;
    if (!canvas.hidden) {
      drawHeatmap(canvas, heat, this.data.ramp);
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `Heat map for ${this.labels[this.#explained]}`);
    }
    this.#explained = index;
  }

  cameraChanged() {
    super.cameraChanged();
    this.check.cameraChanged();
    this.#predictPaused();
  }

  reset() {
    super.reset();
    this.#oodScore.reset();
    this.#explained = null;
  }

  // A paused frame is predicted without smoothing, and once more for the heat map of that class.
  #predictPaused() {
    this.#framesWhilePaused = 2;
  }

  get #heatmapOn() {
    return this.heatmapButton.getAttribute("aria-pressed") === "true";
  }

  #addHeatmapButton() {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: "Heat map" });
    button.setAttribute("aria-keyshortcuts", "H");
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(!this.#heatmapOn));
      if (!this.#heatmapOn) this.viewfinder.heat.hidden = true;
      this.#predictPaused();
    });
    this.viewfinder.controls.insertBefore(button, this.viewfinder.controls.lastElementChild);
    return button;
  }
}
