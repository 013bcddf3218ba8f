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

  // Answer by another head from now on: safetensors, ArrayBuffer.
  teach(head) {
    return this.#ask({ kind: "teach", head }, [head]);
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
      head: header.head, // version of the head that said so, where there are several
    };
  }

  // It has the head already, since it made it.
  async teach() {}

  close() {}
}

// → the engine that a model gets here, and why it is not the browser's. `loading(text, share)` is
// told how far it is; `alive()` says whether anybody still waits.
export async function choose({ asking, model, runtime, urls, loading, alive }) {
  if (!runtime) return [new ServerEngine({ asking, model }), ""];
  const say = (share, bytes) => {
    if (!alive()) return;
    const megabytes = `${(bytes / 1e6).toFixed(1)} MB, once`;
    if (share < 1) loading(`Getting the model (${megabytes})`, share);
    else loading("Starting the model in your browser …");
  };
  try {
    return [await BrowserEngine.open({ asking, model, runtime, urls, say, alive }), ""];
  } catch (error) {
    return [new ServerEngine({ asking, model }), error.message];
  }
}
