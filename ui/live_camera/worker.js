// @ts-check
// The browser's engine in a worker: runtime, network, head.
// A classic worker, since LiteRT.js loads its own script with importScripts.

/** @typedef {import("./head.js").Head} Head */

const TOLERANCE = 1e-3; // largest difference from Python's probabilities for the same pixels

/** @type {typeof import("./pixels.js")} */
let pixels;
/** @type {typeof import("./head.js")} */
let heads;
/** @type {any} */
let litert;
/** @type {any} */
let network = null;
/** @type {Head} */
let head;
let inputName = "";
let inputs = new Float32Array(0);
let size = 0;
let crop = 1;

async function load(/** @type {any} */ { urls, files, trunk, ...model }) {
  const { loadRuntime } = await import(urls["runtime.js"]);
  pixels = await import(urls["pixels.js"]);
  heads = await import(urls["head.js"]);
  ({ size, crop } = model);
  inputs = new Float32Array(size * size * 3);
  setHead(model.head);
  litert = await loadRuntime(files);
  const content = new Uint8Array(trunk);
  for (const accelerator of await accelerators()) {
    try {
      const precision = accelerator === "webgpu" ? { gpuOptions: { precision: "fp32" } } : {};
      network = await litert.loadAndCompile(content, { accelerator, ...precision });
      inputName = network.getInputDetails()[0].name;
      await verify();
      return accelerator;
    } catch (error) {
      console.warn(`The model does not run by ${accelerator}: ${error.message}`);
      network?.delete();
      network = null;
    }
  }
  throw new Error("The model does not run in this browser as it does on the server.");
}

/** @param {ArrayBuffer} content */
function setHead(content) {
  head = new heads.Head(heads.readTensors(content));
}

async function accelerators() {
  const { gpu } = /** @type {any} */ (self.navigator);
  const adapter = await gpu?.requestAdapter().catch(() => null);
  const fallback = adapter?.info?.isFallbackAdapter ?? adapter?.isFallbackAdapter;
  return adapter && !fallback && litert.getWebGpuDevice() ? ["webgpu", "wasm"] : ["wasm"];
}

async function verify() {
  const { probabilities } = await predict(pixels.referencePicture(size), null);
  let largest = 0;
  for (let i = 0; i < probabilities.length; i += 1)
    largest = Math.max(largest, Math.abs(probabilities[i] - head.expected[i]));
  if (!(largest <= TOLERANCE)) throw new Error(`its probabilities are off by ${largest}`);
}

/** @param {Uint8Array} rgb */
async function predict(rgb, explain) {
  inputs.set(rgb);
  const tensor = new litert.Tensor(inputs, [1, size, size, 3]);
  const outputs = await network.run({ [inputName]: tensor });
  tensor.delete();
  const embedding = await read(outputs.embedding);
  const featureMap = await read(outputs.feature_map);
  return {
    probabilities: head.probabilities(embedding),
    oodScore: head.oodScore(embedding),
    heat: explain === null ? null : head.heat(featureMap, embedding, explain),
  };
}

async function read(tensor) {
  const values = (await tensor.data()).slice();
  tensor.delete();
  return values;
}

self.onmessage = async ({ data: { number, kind, ...message } }) => {
  try {
    let response = {};
    if (kind === "load") response = { accelerator: await load(message) };
    else if (kind === "head") setHead(message.head);
    else response = await predict(pixels.fit(message.image, size, crop), message.explain);
    self.postMessage({ number, ...response });
  } catch (error) {
    self.postMessage({ number, error: error.message });
  }
};
