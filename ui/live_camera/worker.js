// The browser's engine, in a thread of its own: runtime, network, head.
// A classic worker, since LiteRT.js loads its own script by importScripts.

const AGREES = 1e-3; // largest difference to Python's probabilities for the same pixels

let model = null;

async function load({ urls, files, trunk, head, size, crop }) {
  const [{ loadRuntime }, pixels, heads] = await Promise.all([
    import(urls["runtime.js"]),
    import(urls["pixels.js"]),
    import(urls["head.js"]),
  ]);
  const litert = await loadRuntime(files);
  const parts = { litert, pixels, heads, head: read(heads, head), size, crop };
  const content = new Uint8Array(trunk);
  for (const accelerator of await accelerators(litert)) {
    try {
      const network = await litert.loadAndCompile(content, {
        accelerator,
        ...(accelerator === "webgpu" ? { gpuOptions: { precision: "fp32" } } : {}),
      });
      const [{ name: input }] = network.getInputDetails();
      model = { ...parts, network, input, accelerator };
      await prove();
      return accelerator;
    } catch (error) {
      console.warn(`The model does not run by ${accelerator}: ${error.message}`);
      model?.network.delete();
      model = null;
    }
  }
  throw new Error("The model does not run in this browser as it does on the server.");
}

const read = (heads, tensors) => new heads.Head(heads.readTensors(tensors));

async function accelerators(litert) {
  const adapter = await self.navigator.gpu?.requestAdapter().catch(() => null);
  const real = adapter && !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter);
  return real && litert.getWebGpuDevice() ? ["webgpu", "wasm"] : ["wasm"];
}

async function prove() {
  const { head, pixels, size } = model;
  const found = (await answer(pixels.proof(size), null)).probabilities;
  const off = found.reduce((most, p, i) => Math.max(most, Math.abs(p - head.expected[i])), 0);
  if (!(off <= AGREES)) throw new Error(`its answer is off by ${off}`);
}

async function answer(rgb, explain) {
  const { litert, network, head, size } = model;
  const tensor = new litert.Tensor(Float32Array.from(rgb), [1, size, size, 3]);
  const found = await network.run({ [model.input]: tensor });
  tensor.delete();
  const embedding = await taken(found.embedding);
  const map = await taken(found.feature_map);
  return {
    probabilities: head.probabilities(embedding),
    strangeness: head.strangeness(embedding),
    heat: explain === null ? null : head.heat(map, explain),
    embedding,
  };
}

async function taken(tensor) {
  const values = (await tensor.data()).slice();
  tensor.delete();
  return values;
}

self.onmessage = async ({ data: { id, kind, ...asked } }) => {
  try {
    if (kind === "load") {
      self.postMessage({ id, accelerator: await load(asked) });
    } else if (kind === "teach") {
      model.head = read(model.heads, asked.head);
      self.postMessage({ id });
    } else {
      const rgb = asked.rgb ?? model.pixels.fit(asked.image, model.size, model.crop);
      self.postMessage({ id, ...(await answer(rgb, asked.explain)) });
    }
  } catch (error) {
    self.postMessage({ id, refusal: error.message });
  }
};
