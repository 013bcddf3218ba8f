// @ts-check
// Capture pictures of classes: the model is trained on them meanwhile and predicts each frame.

import { BurstCapture } from "./burst_capture.js";
import { ClassList } from "./class_list.js";
import { LiveView } from "./live_view.js";

const OPTIONS = {
  label: "Capture classes",
  className: "capture-view",
  inBrowser: "The model runs in your browser; only pictures that you capture are sent.",
  html: '<p class="error" role="alert" hidden></p><div class="class-list"></div>',
};
const EMPTY = "Capture pictures of two classes to see predictions.";
const RETRY = 1000; // milliseconds after which the server is asked again
/** @type {{ version: number, content: ArrayBuffer | null }} */
const NO_HEAD = { version: -1, content: null };

/**
 * @param {Element} parent
 * @param {Record<string, string>} urls
 */
export function open(parent, urls) {
  return new CaptureView(parent, urls);
}

class CaptureView extends LiveView {
  #burst;
  #classes;
  #session = { id: "", version: -1, lastPicture: 0 }; // what the screen shows of the server's
  // Python does nothing twice: a repeated request has the same number.
  #actionNumber = Math.floor(Math.random() * 2 ** 30);
  #head = NO_HEAD;
  #refreshing = false;
  #outdated = false; // whether something changed during a refresh
  /** @type {Map<string, number>} code of a pressed key → its class */
  #keys = new Map();

  /**
   * @param {Element} parent
   * @param {Record<string, string>} urls
   */
  constructor(parent, urls) {
    super(parent, urls, OPTIONS);
    this.#burst = new BurstCapture(this.viewfinder, {
      send: (frames) => this.#act({ action: "add pictures", ...frames }),
      onChange: () => this.#captureChanged(),
    });
    this.#classes = new ClassList(this.find(".class-list"), {
      act: (action) => this.#act(action),
      onPress: (id) => this.#burst.start(id),
      onRelease: (id) => this.#burst.stop(id),
    });
    this.connection.onMessage = ({ session, version, thumbnails }) => {
      // A message with thumbnails is a whole state, which is shown anyway.
      const changed = session !== this.#session.id || version > this.#session.version;
      if (!thumbnails && changed) this.#refresh();
    };
    document.addEventListener("keydown", this.#keyDown);
    document.addEventListener("keyup", this.#keyUp);
    window.addEventListener("blur", this.#releaseKeys);
    this.panel.clear(EMPTY);
    this.start();
  }

  /** @param {ViewData} data the model is always the same */
  update(data) {
    const first = !this.data;
    this.data = data;
    this.viewfinder.crop = data.model.crop;
    if (!first) return;
    this.#refresh();
    this.openEngine();
  }

  close() {
    document.removeEventListener("keydown", this.#keyDown);
    document.removeEventListener("keyup", this.#keyUp);
    window.removeEventListener("blur", this.#releaseKeys);
    this.#burst.discard();
    super.close();
  }

  /** @param {Engine} engine */
  async prepare(engine) {
    // The next head may arrive while the engine takes one.
    for (let content = null; this.#head.content && content !== this.#head.content;) {
      content = this.#head.content;
      await engine.setHead(content);
    }
  }

  wantsFrame() {
    return this.viewfinder.live && Boolean(this.#head.content);
  }

  // Predictions of another head have other labels.
  get version() {
    return this.#head.content && this.#head.version;
  }

  async serverFailed(error) {
    if (!this.#head.content) return;
    this.#showError(error.message);
    await new Promise((resolve) => setTimeout(resolve, RETRY));
  }

  cameraChanged() {
    if (!this.viewfinder.live) this.#burst.stop();
    this.#classes.enabled = this.viewfinder.live;
    super.cameraChanged();
  }

  async #act(action) {
    const refresh = action.action === "refresh";
    try {
      const { header, payload } = await this.connection.request({
        model: this.data.model.id,
        session: this.#session.id,
        action_number: (this.#actionNumber += 1),
        last_picture: this.#session.lastPicture,
        head_version: this.#head.version,
        ...action,
      });
      if (this.closed) return;
      if (!refresh) this.#showError("");
      await this.#showState(header, payload);
    } catch (error) {
      if (this.closed) return;
      this.#burst.discard();
      if (refresh) this.#outdated = false;
      else await this.#refresh();
      this.#showError(refresh ? `${error.message} Reload the page to try again.` : error.message);
    }
  }

  async #refresh() {
    this.#outdated = true;
    if (this.#refreshing) return;
    this.#refreshing = true;
    while (this.#outdated && !this.closed) {
      this.#outdated = false;
      await this.#act({ action: "refresh" });
    }
    this.#refreshing = false;
  }

  /** @param {ArrayBuffer} payload the head, if it is a new one */
  async #showState(header, payload) {
    if (header.session !== this.#session.id) this.#startSession(header);
    if (header.version < this.#session.version) return;
    const { classes, thumbnails, labels } = header;
    this.#session.version = header.version;
    const ids = Object.keys(thumbnails).map(Number);
    this.#session.lastPicture = Math.max(this.#session.lastPicture, ...ids);
    this.#classes.show(classes, thumbnails);
    this.#classes.showSummary(summary(header));
    const count = classes.reduce(
      (/** @type {number} */ sum, /** @type {any} */ { pictures }) => sum + pictures.length,
      0,
    );
    this.root.dataset.pictures = String(count);
    this.root.dataset.nearDuplicates = header.near_duplicates;
    this.labels = labels;
    const content = payload.byteLength ? payload : null;
    if (content || !labels.length) this.#head = { version: header.head_version, content };
    if (content) {
      this.reset();
      await this.#giveHead(content);
    }
    this.root.dataset.head = String(this.#head.version);
    if (!labels.length) {
      this.panel.clear(EMPTY);
      delete this.root.dataset.label;
    }
  }

  /** @param {ArrayBuffer} content */
  async #giveHead(content) {
    const { engine } = this;
    try {
      await engine?.setHead(content);
    } catch (error) {
      // An engine that is opened gets the head by `prepare`.
      if (engine === this.engine && !this.closed) await this.openEngine(error.message);
    }
  }

  /** The server has another session than before; `lost` says so if there were pictures. */
  #startSession({ session, lost }) {
    if (lost) {
      this.#burst.discard();
      this.#classes.show([], {});
      this.#showError(lost);
    }
    this.#session = { id: session, version: -1, lastPicture: 0 };
    this.#head = NO_HEAD;
  }

  #captureChanged() {
    const { classId, waiting, busy } = this.#burst;
    this.#classes.showCapture(classId, waiting);
    this.root.dataset.capturing = String(classId ?? "");
    this.root.dataset.busy = String(busy);
  }

  #showError(text) {
    const element = this.find(".error");
    element.textContent = text;
    element.hidden = !text;
  }

  // The keys 1 to 9 are the capture buttons of the first nine classes, wherever the focus is.
  #keyDown = (/** @type {KeyboardEvent} */ event) => {
    const id = /^[1-9]$/.test(event.key) && this.#classes.idAt(Number(event.key) - 1);
    if (!id || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = /** @type {Element} */ (event.composedPath()[0]);
    if (target.closest?.("input, textarea, select, [contenteditable]")) return;
    event.preventDefault();
    this.#keys.set(event.code, id);
    this.#burst.start(id);
  };

  // By its code: with Shift, or after a class was removed, the key stands for something else.
  #keyUp = (/** @type {KeyboardEvent} */ event) => {
    if (this.#keys.has(event.code)) this.#burst.stop(this.#keys.get(event.code));
    this.#keys.delete(event.code);
  };

  #releaseKeys = () => {
    this.#keys.clear();
    this.#burst.stop();
  };
}

function summary({ correct, evaluated, near_duplicates: duplicates, labels }) {
  const many = duplicates > 1 ? "pictures were" : "picture was";
  const left = duplicates ? `${duplicates} nearly identical ${many} left out. ` : "";
  if (!labels.length) return left;
  if (correct === null)
    return `${left}Capture each class twice or more to see how accurate the model is.`;
  return `${left}${correct} of ${evaluated} correct on held-out captures.`;
}
