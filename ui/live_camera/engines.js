// The two engines. Both have `see(image, explain)` → { probabilities, strangeness, heat } and
// `close()`; `image` is ImageData of a whole frame, `explain` the class to draw a map for, or null.

import { jpeg } from "./jpeg.js";
import { fetchPart } from "./parts.js";
import { fit } from "./pixels.js";

// The model in this browser; frames stay here.
export class BrowserEngine {
  kind = "browser";
  #worker;
  #waiting = new Map();
  #number = 0;

  // Throws an Error whose message says what is missing.
  static async open({ asking, model, runtime, urls, say, alive }) {
    if (!globalThis.Worker || !globalThis.WebAssembly || !globalThis.DecompressionStream)
      throw new Error("This browser is too old to run a model.");
    if (!globalThis.crypto?.subtle) throw new Error("The page is not secure.");
    if (!model.parts.trunk) throw new Error("This model cannot be taken apart.");
    const bytes = model.parts.head.bytes + model.parts.trunk.bytes;
    let done = 0;
    const progress = (more) => say((done += more) / bytes, bytes);
    const head = await fetchPart(asking, model, "head", progress);
    const trunk = await fetchPart(asking, model, "trunk", progress);
    if (!alive()) throw new Error("The view was closed.");
    const engine = new BrowserEngine(urls["worker.js"]);
    try {
      const files = Object.fromEntries(
        Object.entries(runtime).map(([name, [address, hash]]) => [
          name,
          [new URL(address, document.baseURI).href, hash],
        ]),
      );
      const { size, crop } = model;
      const asked = { kind: "load", urls, files, head, trunk, size, crop };
      engine.accelerator = (await engine.#ask(asked, [head, trunk])).accelerator;
      return engine;
    } catch (error) {
      engine.close();
      throw error;
    }
  }

  constructor(url) {
    this.#worker = new Worker(url);
    this.#worker.onmessage = ({ data: { id, refusal, ...said } }) => {
      const { resolve, reject } = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (refusal) reject(new Error(refusal));
      else resolve(said);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(new Error("The model stopped in this browser."));
    };
  }

  see(image, explain) {
    const { data, width, height } = image;
    return this.#ask({ kind: "see", image: { data, width, height }, explain }, [data.buffer]);
  }

  // The same for pixels that are cut and resized already: RGB, Uint8Array.
  seePixels(rgb, explain) {
    return this.#ask({ kind: "see", rgb, explain }, []);
  }

  close() {
    this.#worker.terminate();
    this.#fail(new Error("The view was closed."));
  }

  #ask(asked, handed) {
    const id = (this.#number += 1);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, ...asked }, handed);
    });
  }

  #fail(error) {
    this.#waiting.forEach(({ reject }) => reject(error));
    this.#waiting.clear();
  }
}

// The model on the server: the next frame goes out when the last is answered.
export class ServerEngine {
  kind = "server";
  accelerator = "server";
  #asking;
  #model;

  constructor({ asking, model }) {
    this.#asking = asking;
    this.#model = model;
  }

  see(image, explain) {
    const { size, crop } = this.#model;
    return this.seePixels(fit(image, size, crop), explain);
  }

  async seePixels(rgb, explain) {
    const { id, size } = this.#model;
    const frame = jpeg(rgb, size);
    const { header, payload } = await this.#asking.ask({ model: id, frame, explain });
    const values = new Float32Array(payload);
    return {
      probabilities: values.subarray(0, header.classes),
      strangeness: header.strangeness,
      heat: header.heat ? values.subarray(header.classes) : null,
    };
  }

  close() {}
}
