// The camera check: frames to Python at a press, and what it makes of the camera by them.

import { jpeg } from "./jpeg.js";
import { fit } from "./pixels.js";

const BETWEEN = 200; // milliseconds from one frame to the next
const HOW =
  "Hold up what you taught it, and move it about. For this alone, ten frames are sent to this " +
  "server, measured, and not kept.";
const STOPPED = "The camera stopped meanwhile. Try again.";
const HEADINGS = ["", "Your camera", "Most training pictures", ""];

const HTML = `
  <button type="button">Check my camera</button>
  <p class="how"></p>
  <p class="found" role="status"></p>
  <table hidden><thead><tr></tr></thead><tbody></tbody></table>`;

export class CameraCheck {
  #root;
  #stage;
  #asking;
  #model = null;
  #busy = false;

  constructor(root, stage, asking) {
    this.#root = root;
    this.#stage = stage;
    this.#asking = asking;
    root.innerHTML = HTML;
    root.querySelector("thead tr").append(...HEADINGS.map((text) => cell("th", text)));
    this.#one("button").addEventListener("click", () => this.#press());
    root.hidden = true;
  }

  // `model.check` is null where there is nothing to check a camera against.
  show(model) {
    const other = this.#model?.id !== model.id;
    this.#model = model;
    this.#root.hidden = !model.check;
    if (!model.check) return;
    this.#one("button").hidden = Boolean(model.check.lacking);
    this.#one(".how").textContent = model.check.lacking || HOW;
    if (other) this.#tell("", []);
    this.changed();
  }

  // The camera started, paused, went on or failed.
  changed() {
    this.#one("button").disabled = this.#busy || !this.#stage.live;
  }

  async #press() {
    const model = this.#model;
    this.#busy = true;
    this.changed();
    this.#tell("", []);
    let said;
    try {
      const check = await this.#frames(model);
      said = (await this.#asking.ask({ model: model.id, check })).header;
    } catch (error) {
      said = { sentence: error.message, measures: [] };
    }
    this.#busy = false;
    this.changed();
    if (model.id === this.#model.id) this.#tell(said.sentence, said.measures, said.unlike);
  }

  async #frames({ size, crop, check }) {
    const found = [];
    while (found.length < check.frames) {
      await new Promise((resolve) => setTimeout(resolve, found.length ? BETWEEN : 0));
      const image = this.#stage.live && this.#stage.grab();
      if (!image) throw new Error(STOPPED);
      found.push(jpeg(fit(image, size, crop), size));
      this.#one(".found").textContent = `Frame ${found.length} of ${check.frames}`;
    }
    return found;
  }

  #tell(sentence, measures, unlike = false) {
    const found = this.#one(".found");
    found.textContent = sentence;
    this.#root.dataset.unlike = unlike;
    this.#one("table").hidden = !measures.length;
    this.#one("tbody").replaceChildren(...measures.map(row));
  }

  #one = (selector) => this.#root.querySelector(selector);
}

function row({ name, camera, training, difference }) {
  const line = document.createElement("tr");
  const heading = cell("th", name[0].toUpperCase() + name.slice(1));
  heading.scope = "row";
  line.append(heading, ...[camera, training, difference].map((text) => cell("td", text)));
  return line;
}

function cell(kind, text) {
  const made = document.createElement(kind);
  made.textContent = text;
  return made;
}
