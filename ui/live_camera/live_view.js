// @ts-check
// The loop of a live view: frame → engine → prediction → screen. The two views extend it.

import { Connection } from "./connection.js";
import { openEngine } from "./engines.js";
import { PredictionPanel } from "./prediction_panel.js";
import { FrameRate, Smoothing, topIndices } from "./smoothing.js";
import { Viewfinder } from "./viewfinder.js";

const ON_SERVER = "Frames are sent to this server for prediction and not kept.";
/** @type {Record<string, string>} */
const PLACES = {
  webgpu: "in your browser, on its graphics processor",
  wasm: "in your browser",
  server: "on this server",
};

export class LiveView {
  #closed = false;
  #openings = 0;
  #smoothing = new Smoothing();
  #rate = new FrameRate();
  #frames = 0;
  #inBrowser;
  connection = new Connection();
  /** @type {Engine | null} null until it is ready */
  engine = null;
  /** @type {string[]} */
  labels = [];
  /** @type {ViewData | null} */
  data = null;

  /**
   * A subclass calls `start()` at the end of its constructor.
   * @param {Element} parent
   * @param {Record<string, string>} urls of the modules
   * @param {{ label: string, className: string, inBrowser: string, html: string }} options
   * `inBrowser`: what is said of frames that the browser predicts
   */
  constructor(parent, urls, { label, className, inBrowser, html }) {
    this.urls = urls;
    this.#inBrowser = inBrowser;
    this.root = document.createElement("div");
    this.root.className = `live ${className}`;
    Object.assign(this.root, { view: this }); // for tests and benchmarks
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", label);
    this.root.innerHTML = `<div class="viewfinder"></div><div class="prediction"></div>${html}`;
    parent.append(this.root);
    this.viewfinder = new Viewfinder(this.find(".viewfinder"), () => this.cameraChanged());
    this.panel = new PredictionPanel(this.find(".prediction"));
  }

  start() {
    this.viewfinder.start();
    this.#run();
  }

  close() {
    this.#closed = true;
    this.viewfinder.close();
    this.engine?.close();
    this.connection.close();
    this.root.remove();
  }

  get closed() {
    return this.#closed;
  }

  /** @returns {HTMLElement} */
  find(selector) {
    return this.root.querySelector(selector);
  }

  /**
   * Open an engine for the model of the data, in place of any other.
   * @param {string} failure why the browser's has stopped; empty to try it
   */
  async openEngine(failure = "") {
    const opening = (this.#openings += 1);
    const superseded = () => this.#closed || opening !== this.#openings;
    this.engine?.close();
    this.engine = null;
    this.root.dataset.engine = "";
    const { model, runtime } = this.data;
    const { connection, urls } = this;
    const onProgress = this.panel.showLoading.bind(this.panel);
    onProgress("Getting the model …");
    try {
      const options = { connection, model, runtime, urls, onProgress, superseded };
      const { engine, reason } = await openEngine(options, failure);
      await this.#use(engine, reason, superseded);
    } catch (error) {
      if (!superseded()) this.#giveUp(error);
    }
    if (!superseded()) onProgress("");
  }

  /**
   * @param {Engine} engine
   * @param {string} reason why it is not the browser's
   * @param {() => boolean} superseded
   */
  async #use(engine, reason, superseded) {
    try {
      if (!superseded()) await this.prepare(engine);
    } catch (error) {
      engine.close();
      throw error;
    }
    if (superseded()) return engine.close();
    this.engine = engine;
    this.root.dataset.engine = engine.kind;
    this.root.dataset.accelerator = engine.accelerator;
    const fallback = reason && `The model does not run in this browser. ${reason} `;
    const text = engine.kind === "browser" ? this.#inBrowser : `${fallback}${ON_SERVER}`;
    this.panel.showLocation(text, engine.kind);
  }

  async #run() {
    while (!this.#closed) {
      await this.viewfinder.nextFrame();
      if (document.hidden) continue; // there is no new frame, only a timeout
      const { engine } = this;
      const image = engine && this.wantsFrame() && this.viewfinder.grab();
      if (!image) continue;
      const version = this.version;
      const started = performance.now();
      try {
        const prediction = await engine.predict(image, this.takeFrame());
        const current = (prediction.headVersion ?? version) === this.version;
        if (engine === this.engine && current) this.#show(prediction, started);
      } catch (error) {
        if (engine !== this.engine || this.#closed) continue;
        if (engine.kind === "server") await this.serverFailed(error);
        else await this.openEngine(error.message);
      }
    }
  }

  #giveUp(error) {
    this.engine = null;
    this.panel.showLocation(`${error.message} Reload the page to try again.`, "error");
  }

  /** @param {Prediction} prediction */
  #show(prediction, started) {
    const now = performance.now();
    const { probabilities } = prediction;
    const smoothed = this.#smoothing.update(probabilities, now);
    const top = topIndices(smoothed, this.data.count);
    const bars = top.map((i) => ({
      label: this.labels[i],
      probability: smoothed[i],
      current: probabilities[i],
    }));
    this.panel.show(bars, this.verdict(prediction, bars[0].probability, now));
    this.panel.showFigures(this.#figures(started, now));
    this.root.dataset.frames = String((this.#frames += 1));
    this.root.dataset.label = bars[0].label;
    this.shown(prediction, top[0]);
    const detail = { ...prediction, milliseconds: now - started };
    this.root.dispatchEvent(new CustomEvent("prediction", { detail }));
  }

  #figures(started, now) {
    const { perSecond, milliseconds } = this.#rate.update(started, now);
    const place = PLACES[this.engine.accelerator];
    if (this.viewfinder.paused) return `Paused · ${place}`;
    const rate = perSecond.toFixed(perSecond < 10 ? 1 : 0);
    return `${rate} frames per second · ${Math.round(milliseconds)} ms per frame · ${place}`;
  }

  /** Forget what was smoothed over earlier frames. */
  reset() {
    this.#rate.reset();
    this.#smoothing.reset();
  }

  cameraChanged() {
    if (!this.viewfinder.live) this.reset();
    this.root.dataset.live = String(this.viewfinder.live);
  }

  // What differs from view to view:

  /** Called before an engine is used. */
  async prepare(/** @type {Engine} */ _engine) {}

  wantsFrame() {
    return this.viewfinder.live;
  }

  /**
   * Called when a frame goes to the engine.
   * @returns {number | null} the class to draw a heat map for
   */
  takeFrame() {
    return null;
  }

  /**
   * A prediction is dropped if this changes before it arrives.
   * @returns {unknown}
   */
  get version() {
    return this.viewfinder.paused;
  }

  /**
   * @param {Prediction} _prediction
   * @param {number} _probability of the most probable class
   */
  verdict(_prediction, _probability, _now) {
    return "";
  }

  /**
   * Called after a prediction is on the screen.
   * @param {Prediction} _prediction
   * @param {number} _index of the most probable class
   */
  shown(_prediction, _index) {}

  /** The server could not predict a frame. */
  async serverFailed(error) {
    this.#giveUp(error);
  }
}
