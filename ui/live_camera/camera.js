// The live view: the camera's picture, an engine that answers its frames, and the answer beside it.

import { Answer, percent } from "./answer.js";
import { Asking } from "./asking.js";
import { CameraCheck } from "./check.js";
import { ServerEngine, choose } from "./engines.js";
import { drawHeat } from "./overlay.js";
import { fetchPart, readLabels } from "./parts.js";
import { Stage } from "./stage.js";
import { Pace, Steady, largest } from "./steady.js";

const HERE = "Frames never leave this device: the model runs in your browser.";
const THERE = "Frames are sent to this server, answered, and not kept.";
const BY = {
  webgpu: "in your browser, on its graphics processor",
  wasm: "in your browser",
  server: "on this server",
};

export function open(parentElement, urls) {
  return new View(parentElement, urls);
}

class View {
  #left = false;
  #turn = 0; // engines of earlier models see that they are no longer wanted
  engine = null; // what answers; null until it is ready
  #labels = [];
  #explained = null;
  #steady = new Steady();
  #strange = new Steady();
  #pace = new Pace();
  #asking = new Asking();
  #frames = 0;
  #stills = 0; // answers that a picture held still has yet to get

  constructor(parentElement, urls) {
    this.urls = urls;
    this.root = document.createElement("div");
    this.root.className = "live";
    this.root.view = this;
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", "Live view");
    this.root.innerHTML = '<div class="stage"></div><div class="answer"></div><div class="check"></div>';
    parentElement.append(this.root);
    const [stage, answer, check] = this.root.children;
    this.stage = new Stage(stage, () => this.#changed());
    this.answer = new Answer(answer);
    this.check = new CameraCheck(check, this.stage, this.#asking);
    this.#addHeat();
    this.stage.start();
    this.#run();
  }

  // Called with every change of what Python says; only another model starts anything anew.
  show(data) {
    const before = JSON.stringify(this.data?.model.parts);
    const same = this.data?.model.id === data.model.id;
    this.data = data;
    this.stage.crop = data.model.crop;
    this.check.show(data.model);
    if (!same || before !== JSON.stringify(data.model.parts)) this.#begin();
    this.#again();
  }

  leave() {
    this.#left = true;
    this.stage.leave();
    this.engine?.close();
    this.#asking.close();
    this.root.remove();
  }

  async #begin() {
    const turn = (this.#turn += 1);
    this.engine?.close();
    this.engine = null;
    this.#forget();
    this.answer.clear();
    this.answer.where("", "");
    this.root.dataset.engine = "";
    const alive = () => !this.#left && turn === this.#turn;
    const { model } = this.data;
    this.answer.loading("Getting the model …");
    try {
      const labels = readLabels(await fetchPart(this.#asking, model, "labels", () => {}));
      const [engine, why] = await this.#choose(model, alive);
      if (!alive()) return engine.close();
      this.#labels = labels;
      this.#use(engine, why);
    } catch (error) {
      if (alive()) this.answer.where(`${error.message} Reload the page to try again.`, "trouble");
    }
    if (alive()) this.answer.loading("");
  }

  #choose(model, alive) {
    const { runtime } = this.data;
    const loading = (text, share) => this.answer.loading(text, share);
    return choose({ asking: this.#asking, model, runtime, urls: this.urls, loading, alive });
  }

  #server(model) {
    return new ServerEngine({ asking: this.#asking, model });
  }

  #use(engine, why) {
    this.engine = engine;
    this.root.dataset.engine = engine.kind;
    this.root.dataset.accelerator = engine.accelerator;
    this.root.dataset.why = why;
    const instead = why && `The model does not run in this browser. ${why} `;
    const where = engine.kind === "browser" ? HERE : `${instead}${THERE}`;
    this.answer.where(where, engine.kind);
  }

  async #run() {
    while (!this.#left) {
      await this.stage.nextFrame();
      const engine = this.engine;
      if (!engine || (this.stage.paused && this.#stills === 0)) continue;
      const image = this.stage.grab();
      if (!image) continue;
      this.#stills = Math.max(0, this.#stills - 1);
      const { paused } = this.stage;
      const began = performance.now();
      try {
        const said = await engine.see(image, this.#heatOn ? this.#explained : null);
        // An answer that comes after a change of model, or to a frame before a pause, is nobody's.
        if (engine === this.engine && paused === this.stage.paused) this.#tell(said, began);
      } catch (error) {
        if (engine === this.engine && !this.#left) this.#recover(engine, error);
      }
    }
  }

  #recover(engine, error) {
    if (engine.kind === "browser") {
      engine.close();
      this.#use(this.#server(this.data.model), error.message);
    } else {
      this.engine = null;
      this.answer.where(`${error.message} Reload the page to try again.`, "trouble");
    }
  }

  #tell(said, began) {
    const now = performance.now();
    const { count } = this.data;
    const { threshold } = this.data.model;
    const steady = this.#steady.follow(said.probabilities, now);
    const first = largest(steady, count);
    const guesses = first.map((i) => ({
      label: this.#labels[i],
      probability: steady[i],
      now: said.probabilities[i],
    }));
    const strange = said.strangeness === null ? 0 : this.#strange.follow([said.strangeness], now)[0];
    this.answer.show(guesses, verdict(strange, steady[first[0]], threshold));
    this.#drawn(said.heat, this.#explained);
    this.#explained = first[0];
    this.answer.figures(this.#figures(began, now));
    this.root.dataset.frames = this.#frames += 1;
    this.root.dataset.label = guesses[0].label;
    this.root.dispatchEvent(
      new CustomEvent("seen", { detail: { ...said, milliseconds: now - began } }),
    );
  }

  #figures(began, now) {
    const { perSecond, milliseconds } = this.#pace.follow(began, now);
    const by = BY[this.engine.accelerator];
    if (this.stage.paused) return `Held still · ${by}`;
    const rate = perSecond.toFixed(perSecond < 10 ? 1 : 0);
    return `${rate} frames a second · ${Math.round(milliseconds)} ms a frame · ${by}`;
  }

  #changed() {
    if (!this.stage.live) this.#forget();
    this.check.changed();
    this.#again();
    this.root.dataset.live = this.stage.live;
  }

  // What is held still is answered by itself, and once more to draw the map of that answer.
  #again() {
    this.#stills = 2;
  }

  #forget() {
    this.#pace.forget();
    this.#steady.forget();
    this.#strange.forget();
    this.#explained = null;
  }

  get #heatOn() {
    return this.heatButton.getAttribute("aria-pressed") === "true";
  }

  #addHeat() {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: "Heat map", className: "why" });
    button.setAttribute("aria-keyshortcuts", "H");
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", !this.#heatOn);
      if (!this.#heatOn) this.stage.heat.hidden = true;
      this.#again();
    });
    this.heatButton = button;
    this.stage.controls.insertBefore(button, this.stage.controls.lastElementChild);
  }

  #drawn(heat, index) {
    this.stage.heat.hidden = !heat || !this.#heatOn;
    if (this.stage.heat.hidden) return;
    drawHeat(this.stage.heat, heat, this.data.ramp);
    this.stage.heat.setAttribute("role", "img");
    this.stage.heat.setAttribute("aria-label", `Places that speak for ${this.#labels[index]}`);
  }
}

function verdict(strange, best, threshold) {
  if (strange > 1) return "Unlike anything it was taught; these would be its guesses.";
  if (best < threshold)
    return `Not sure: this model does not answer below ${percent(threshold)}.`;
  return "";
}
