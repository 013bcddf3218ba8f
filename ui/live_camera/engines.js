// @ts-check
// The two engines that predict frames: the model in this browser, or on the server.

import { encodePixels } from "./jpeg.js";
import { fetchPart } from "./parts.js";
import { fit } from "./pixels.js";

export class BrowserEngine {
  kind = "browser";
  accelerator = "";
  #worker;
  /** @type {Map<number, { resolve: Function, reject: Function }>} */
  #pending = new Map();
  #number = 0;

  /**
   * Throws an Error whose message says what is missing.
   * @param {EngineOptions} options
   */
  static async open({ connection, model, runtime, urls, onProgress, superseded }) {
    if (!globalThis.Worker || !globalThis.WebAssembly || !globalThis.DecompressionStream)
      throw new Error("This browser is too old to run a model.");
    if (!globalThis.crypto?.subtle) throw new Error("The page is not secure.");
    const bytes = model.parts.head.bytes + model.parts.trunk.bytes;
    const text = `Getting the model (${(bytes / 1e6).toFixed(1)} MB, once)`;
    let done = 0;
    const progress = (more) => {
      done += more;
      if (superseded()) return;
      if (done < bytes) onProgress(text, done / bytes);
      else onProgress("Starting the model in your browser …");
    };
    const head = await fetchPart(connection, model, "head", progress);
    const trunk = await fetchPart(connection, model, "trunk", progress);
    if (superseded()) throw new Error("The view was closed.");
    const files = Object.fromEntries(
      Object.entries(runtime).map(([name, [address, hash]]) => [
        name,
        [new URL(address, document.baseURI).href, hash],
      ]),
    );
    const engine = new BrowserEngine(model, urls["worker.js"]);
    try {
      const { size, crop } = model;
      const message = { kind: "load", urls, files, head, trunk, size, crop };
      engine.accelerator = (await engine.#send(message, [head, trunk])).accelerator;
      return engine;
    } catch (error) {
      engine.close();
      throw error;
    }
  }

  /**
   * @param {Model} model
   * @param {string} url of the worker's script
   */
  constructor(model, url) {
    this.model = model;
    this.#worker = new Worker(url);
    this.#worker.onmessage = ({ data: { number, error, ...response } }) => {
      const { resolve, reject } = this.#pending.get(number);
      this.#pending.delete(number);
      if (error) reject(new Error(error));
      else resolve(response);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#fail("The model stopped in this browser.");
    };
  }

  /**
   * @param {ImageData} image a whole frame; its pixels are handed over
   * @param {number | null} explain index of the class to draw a heat map for
   * @returns {Promise<Prediction>}
   */
  predict({ data, width, height }, explain) {
    return this.#send({ kind: "predict", image: { data, width, height }, explain }, [data.buffer]);
  }

  /**
   * Predict with another head from now on.
   * @param {ArrayBuffer} head safetensors
   */
  setHead(head) {
    return this.#send({ kind: "head", head }, []);
  }

  close() {
    this.#worker.terminate();
    this.#fail("The view was closed.");
  }

  /**
   * @param {Transferable[]} transferred
   * @returns {Promise<any>}
   */
  #send(message, transferred) {
    const number = (this.#number += 1);
    return new Promise((resolve, reject) => {
      this.#pending.set(number, { resolve, reject });
      this.#worker.postMessage({ number, ...message }, transferred);
    });
  }

  #fail(reason) {
    for (const { reject } of this.#pending.values()) reject(new Error(reason));
    this.#pending.clear();
  }
}

// The next frame goes out when the last one has been answered.
export class ServerEngine {
  kind = "server";
  accelerator = "server";
  #connection;

  /**
   * @param {import("./connection.js").Connection} connection
   * @param {Model} model
   */
  constructor(connection, model) {
    this.#connection = connection;
    this.model = model;
  }

  /**
   * @param {ImageData} image
   * @returns {Promise<Prediction>}
   */
  async predict(image, explain) {
    const { size, crop } = this.model;
    const frame = encodePixels(fit(image, size, crop), size);
    const { header, payload } = await this.#connection.request({
      model: this.model.id,
      frame,
      explain,
    });
    const values = new Float32Array(payload);
    return {
      probabilities: values.subarray(0, header.classes),
      oodScore: header.ood_score,
      heat: header.heat ? values.subarray(header.classes) : null,
      headVersion: header.head_version,
    };
  }

  // The server has the head already.
  async setHead() {}

  close() {}
}

/**
 * Open the browser's engine, or the server's where that fails or has failed.
 * @param {EngineOptions} options
 * @param {string} reason why the browser's has failed; empty to try it
 * @returns {Promise<{ engine: Engine, reason: string }>} `reason`: why the browser cannot
 */
export async function openEngine(options, reason) {
  if (options.runtime && !reason) {
    try {
      return { engine: await BrowserEngine.open(options), reason };
    } catch (error) {
      reason = error.message;
    }
  }
  return { engine: new ServerEngine(options.connection, options.model), reason };
}
