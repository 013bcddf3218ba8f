// Teach by showing: hold a class's button while it is before the camera; the model answers meanwhile.

import { Answer } from "./answer.js";
import { Asking } from "./asking.js";
import { Burst } from "./burst.js";
import { ServerEngine, choose } from "./engines.js";
import { Shelf } from "./shelf.js";
import { Stage } from "./stage.js";
import { Pace, Steady, largest } from "./steady.js";

const HERE = "The answer is worked out in your browser; only pictures that you take are sent.";
const THERE = "Frames are sent to this server, answered, and not kept.";
const SHOWN = 10; // answers beside the picture, at most
const FIRST = "Show two classes, and it begins to answer.";

export function open(parentElement, urls) {
  return new Teaching(parentElement, urls);
}

class Teaching {
  #left = false;
  #asking = new Asking();
  #burst;
  #shelf;
  #showing = ""; // id of what the server keeps for this visit
  #version = -1; // of the showing that is on the screen
  #deed = Math.floor(Math.random() * 2 ** 30); // number of an act, so that none is done twice
  #known = 0; // the last picture whose thumbnail has come
  #head = { version: -1, labels: [], content: null };
  #looking = false;
  #again = false; // whether something changed while it looked
  #steady = new Steady();
  #pace = new Pace();
  #frames = 0;
  #keys = new Map(); // code of a key that is down → the class that it shows
  #waits = null; // when the last frame was taken that the model has not answered by
  engine = null;

  constructor(parentElement, urls) {
    this.urls = urls;
    this.root = document.createElement("div");
    this.root.className = "live teach";
    this.root.view = this;
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", "Teach by showing");
    this.root.innerHTML =
      '<div class="stage"></div><div class="answer"></div>' +
      '<p class="trouble" role="alert" hidden></p><div class="shelf"></div>';
    parentElement.append(this.root);
    const [stage, answer, , shelf] = this.root.children;
    this.stage = new Stage(stage, () => this.#changed());
    this.answer = new Answer(answer);
    this.#burst = new Burst(this.stage, {
      send: (frames) => this.#act({ act: "pictures", ...frames }),
      changed: () => this.#held(),
    });
    this.#shelf = new Shelf(shelf, {
      act: (asked) => this.#act(asked),
      hold: (kind) => this.#burst.begin(kind),
      release: (kind) => this.#burst.end(kind),
    });
    this.#asking.heard = ({ showing, version, thumbnails }) => {
      // What has thumbnails is a whole state, and about to be learned.
      if (!thumbnails && (showing !== this.#showing || version > this.#version)) this.#look();
    };
    document.addEventListener("keydown", this.#key);
    document.addEventListener("keyup", this.#key);
    window.addEventListener("blur", this.#release);
    this.answer.show([], FIRST);
    this.stage.start();
    this.#run();
  }

  // Called with every change of what Python says; the model is always the same.
  show(data) {
    const first = !this.data;
    this.data = data;
    this.stage.crop = data.model.crop;
    if (!first) return;
    this.#look();
    this.#begin();
  }

  leave() {
    this.#left = true;
    document.removeEventListener("keydown", this.#key);
    document.removeEventListener("keyup", this.#key);
    window.removeEventListener("blur", this.#release);
    this.#burst.forget();
    this.stage.leave();
    this.engine?.close();
    this.#asking.close();
    this.root.remove();
  }

  async #begin() {
    const { model, runtime } = this.data;
    const loading = (text, share) => this.answer.loading(text, share);
    const alive = () => !this.#left;
    loading("Getting the model …");
    const how = { asking: this.#asking, model, runtime, urls: this.urls, loading, alive };
    const [engine, why] = await choose(how);
    if (!alive()) return engine.close();
    loading("");
    await this.#use(engine, why);
  }

  async #use(engine, why) {
    // While it takes one head in, the next may come.
    for (let given = null; this.#head.content && given !== this.#head.content; ) {
      given = this.#head.content;
      await engine.teach(given.slice(0));
    }
    this.engine = engine;
    this.root.dataset.engine = engine.kind;
    const instead = why && `The model does not run in this browser. ${why} `;
    this.answer.where(engine.kind === "browser" ? HERE : `${instead}${THERE}`, engine.kind);
  }

  #act = async (asked) => {
    const { model } = this.data;
    try {
      const deed = (this.#deed += 1);
      const showing = this.#showing;
      const [known, head] = [this.#known, this.#head.version];
      const question = { model: model.id, showing, deed, known, head, ...asked };
      const { header, payload } = await this.#asking.ask(question);
      if (this.#left) return;
      if (asked.act !== "look") this.#trouble("");
      await this.#learn(header, payload);
    } catch (error) {
      if (this.#left) return;
      this.#burst.forget();
      if (asked.act === "look") {
        this.#again = false;
        this.#trouble(`${error.message} Reload the page to try again.`);
      } else {
        await this.#look();
        this.#trouble(error.message);
      }
    }
  };

  async #look() {
    this.#again = true;
    if (this.#looking) return;
    this.#looking = true;
    while (this.#again && !this.#left) {
      this.#again = false;
      await this.#act({ act: "look" });
    }
    this.#looking = false;
  }

  async #learn(header, payload) {
    if (header.version === undefined) return;
    if (header.showing !== this.#showing) this.#begun(header);
    if (header.version < this.#version) return;
    this.#version = header.version;
    this.#known = Math.max(this.#known, ...Object.keys(header.thumbnails).map(Number));
    this.#shelf.show(header);
    this.root.dataset.pictures = header.classes.reduce((sum, { pictures }) => sum + pictures.length, 0);
    this.root.dataset.alike = header.alike;
    const content = payload.byteLength ? payload : null;
    if (content || !header.labels.length) this.#head = { version: header.head, content };
    this.#head.labels = header.labels;
    if (content) {
      this.#steady.forget();
      // Frames that go out from here on are answered by it.
      await this.engine?.teach(content.slice(0));
    }
    this.root.dataset.fitted = this.#head.version;
    this.#shelf.say(header);
    if (!header.labels.length) this.#silence();
  }

  // What the server had of this visit, it has no more: `lost` says so.
  #begun({ showing, lost }) {
    if (lost) {
      this.#burst.forget();
      this.#shelf.forget();
      this.#trouble(lost);
    }
    this.#showing = showing;
    this.#version = -1;
    this.#known = 0;
    this.#head = { version: -1, labels: [], content: null };
  }

  async #run() {
    while (!this.#left) {
      await this.stage.nextFrame();
      const { engine } = this;
      const head = this.#head;
      if (!engine || !head.content || !this.stage.live) continue;
      const image = this.stage.grab();
      if (!image) continue;
      const began = performance.now();
      try {
        const said = await engine.see(image, null);
        // Answers of another head have other labels, though there be as many.
        const by = said.head ?? head.version;
        if (engine === this.engine && by === this.#head.version && this.#head.content)
          this.#tell(said, began);
      } catch (error) {
        if (engine === this.engine && !this.#left) await this.#recover(engine, error);
      }
    }
  }

  async #recover(engine, error) {
    if (engine.kind === "browser") {
      engine.close();
      await this.#use(new ServerEngine({ asking: this.#asking, model: this.data.model }), error.message);
    } else if (this.#head.content) {
      this.#trouble(error.message);
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }

  #tell(said, began) {
    const now = performance.now();
    const { labels } = this.#head;
    const steady = this.#steady.follow(said.probabilities, now);
    const guesses = largest(steady, SHOWN).map((i) => ({
      label: labels[i],
      probability: steady[i],
      now: said.probabilities[i],
    }));
    this.answer.show(guesses, "");
    const { perSecond, milliseconds } = this.#pace.follow(began, now);
    this.answer.figures(
      `${perSecond.toFixed(perSecond < 10 ? 1 : 0)} frames a second · ${Math.round(milliseconds)} ms a frame`,
    );
    this.root.dataset.frames = this.#frames += 1;
    this.root.dataset.label = guesses[0].label;
    if (this.#waits !== null && !this.#burst.busy) {
      this.root.dataset.behind = Math.round(now - this.#waits);
      this.#waits = null;
    }
    this.root.dispatchEvent(new CustomEvent("seen", { detail: said }));
  }

  #held() {
    const { kind, waiting, last } = this.#burst;
    this.#shelf.held(kind, waiting);
    this.root.dataset.holding = kind ?? "";
    this.root.dataset.busy = this.#burst.busy;
    if (last > (this.#waits ?? 0)) {
      this.#waits = last;
      delete this.root.dataset.behind;
    }
  }

  #changed() {
    if (!this.stage.live) {
      this.#burst.end();
      this.#pace.forget();
      this.#steady.forget();
    }
    this.#shelf.live = this.stage.live;
    this.root.dataset.live = this.stage.live;
  }

  #silence() {
    this.answer.clear();
    this.answer.show([], FIRST);
    delete this.root.dataset.label;
  }

  #trouble(sentence) {
    const place = this.root.querySelector(".trouble");
    place.textContent = sentence;
    place.hidden = !sentence;
  }

  #release = () => {
    this.#keys.clear();
    this.#burst.end();
  };

  // The keys 1 to 9 are the buttons of the first nine classes, wherever on the page the focus is.
  #key = (event) => {
    // What a key stands for may be another when it comes up: Shift is down, or a class is gone.
    if (event.type === "keyup") {
      if (this.#keys.has(event.code)) this.#burst.end(this.#keys.get(event.code));
      this.#keys.delete(event.code);
      return;
    }
    const [target] = event.composedPath();
    const kind = /^[1-9]$/.test(event.key) && this.#shelf.kind(Number(event.key) - 1);
    if (!kind) return;
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if (target.closest?.("input, textarea, select, [contenteditable]")) return;
    event.preventDefault();
    this.#keys.set(event.code, kind);
    this.#burst.begin(kind);
  };
}
