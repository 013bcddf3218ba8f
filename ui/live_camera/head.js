// @ts-check
// From the embedding to probabilities, OOD score and heat map: `core.model.dense`, `core.model.ood`
// and `core.model.heatmap` in JavaScript. Arrays are reused from call to call.

/** @typedef {Record<string, { shape: number[], values: Float32Array }>} Tensors */
/** @typedef {ArrayLike<number>} Numbers */

/**
 * Read a safetensors file of float32 arrays.
 * @param {ArrayBuffer} buffer
 */
export function readTensors(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  delete header.__metadata__;
  /** @type {Tensors} */
  const tensors = {};
  for (const [name, { dtype, shape, data_offsets: offsets }] of Object.entries(header)) {
    if (dtype !== "F32") throw new Error(`Expected float32 in ${name}, found ${dtype}.`);
    const start = 8 + length;
    const content = buffer.slice(start + offsets[0], start + offsets[1]);
    tensors[name] = { shape, values: new Float32Array(content) };
  }
  return tensors;
}

class Dense {
  /**
   * @param {Tensors[string]} kernel
   * @param {Tensors[string]} bias
   */
  constructor({ shape: [inputs, units], values: kernel }, { values: bias }) {
    this.inputs = inputs;
    this.units = units;
    this.kernel = kernel;
    this.bias = bias;
    this.outputs = new Float64Array(units);
    this.gradient = new Float64Array(inputs);
  }

  forward(values, relu) {
    const { outputs, kernel, units } = this;
    outputs.set(this.bias);
    for (let i = 0, at = 0; i < this.inputs; i += 1) {
      const value = values[i];
      for (let unit = 0; unit < units; unit += 1, at += 1) outputs[unit] += value * kernel[at];
    }
    if (relu) for (let i = 0; i < units; i += 1) outputs[i] = Math.max(outputs[i], 0);
    return outputs;
  }

  /**
   * Gradient at the inputs, by the outputs of the last `forward`.
   * @param {Float64Array} passed gradient at the outputs, after their ReLU
   */
  backward(passed) {
    const { gradient, outputs, kernel, units } = this;
    gradient.fill(0);
    for (let i = 0, at = 0; i < this.inputs; i += 1)
      for (let unit = 0; unit < units; unit += 1, at += 1)
        if (outputs[unit] > 0) gradient[i] += passed[unit] * kernel[at];
    return gradient;
  }
}

export class Head {
  /** @type {Dense[]} */
  #layers = [];
  #last;
  #detector;
  #probabilities;
  #channels;

  /** @param {Tensors} tensors as `core.live.parts.head` names them */
  constructor(tensors) {
    for (let i = 0; tensors[`head.${i}.kernel`]; i += 1)
      this.#layers.push(new Dense(tensors[`head.${i}.kernel`], tensors[`head.${i}.bias`]));
    this.#last = this.#layers.at(-1);
    this.#detector = tensors["ood.means"] ? new OodDetector(tensors) : null;
    this.#probabilities = new Float32Array(this.#last.units);
    this.#channels = tensors.channels?.values[0] ?? this.#layers[0].inputs;
    /** Probabilities of the test picture, where the file has them. */
    this.expected = tensors.expected?.values ?? null;
  }

  /** @param {Numbers} embedding */
  probabilities(embedding) {
    const logits = this.#forward(embedding);
    const largest = logits.reduce((a, b) => Math.max(a, b));
    let sum = 0;
    for (let i = 0; i < logits.length; i += 1) sum += logits[i] = Math.exp(logits[i] - largest);
    for (let i = 0; i < logits.length; i += 1) this.#probabilities[i] = logits[i] / sum;
    return this.#probabilities;
  }

  /** Over 1: not like the training pictures. null: not known. */
  oodScore(embedding) {
    return this.#detector?.score(embedding) ?? null;
  }

  /**
   * Evidence for a class by place: as many values as the feature map has places.
   * @param {Numbers} embedding begins with the means of the feature map
   * @param {number} index of the class
   */
  heat(featureMap, embedding, index) {
    const channels = this.#channels;
    const places = featureMap.length / channels;
    const gradient = this.#gradient(embedding, index);
    const heat = new Float32Array(places);
    for (let place = 0, at = 0; place < places; place += 1) {
      let sum = 0;
      for (let i = 0; i < channels; i += 1, at += 1) sum += featureMap[at] * gradient[i];
      heat[place] = sum;
    }
    return heat;
  }

  /** @param {Numbers} embedding */
  #forward(embedding) {
    let values = embedding;
    for (const layer of this.#layers) values = layer.forward(values, layer !== this.#last);
    return this.#last.outputs;
  }

  /** Gradient of a class's logit at the embedding. */
  #gradient(embedding, index) {
    this.#forward(embedding);
    const { inputs, units, kernel } = this.#last;
    let { gradient } = this.#last;
    for (let i = 0; i < inputs; i += 1) gradient[i] = kernel[i * units + index];
    for (let n = this.#layers.length - 2; n >= 0; n -= 1)
      gradient = this.#layers[n].backward(gradient);
    return gradient;
  }
}

class OodDetector {
  /** @param {Tensors} tensors */
  constructor(tensors) {
    this.means = rows(tensors["ood.means"]);
    this.directions = rows(tensors["ood.directions"]);
    this.threshold = tensors["ood.threshold"].values[0];
    this.projected = this.means.map((mean) =>
      this.#project(mean, new Float64Array(this.directions.length)),
    );
    this.distances = this.means.map(
      (mean, k) => dot(mean, mean) - dot(this.projected[k], this.projected[k]),
    );
    this.root = new Float64Array(this.means[0].length);
    this.projection = new Float64Array(this.directions.length);
  }

  /** @param {Numbers} embedding */
  score(embedding) {
    const { root } = this;
    for (let i = 0; i < root.length; i += 1)
      root[i] = Math.sign(embedding[i]) * Math.sqrt(Math.abs(embedding[i]));
    const length = Math.max(Math.sqrt(dot(root, root)), 1e-12);
    for (let i = 0; i < root.length; i += 1) root[i] /= length;
    const projection = this.#project(root, this.projection);
    let nearest = Infinity;
    for (let k = 0; k < this.means.length; k += 1) {
      const shared = dot(root, this.means[k]) - dot(projection, this.projected[k]);
      nearest = Math.min(nearest, this.distances[k] - 2 * shared);
    }
    const rest = dot(root, root) - dot(projection, projection);
    return Math.sqrt(Math.max(rest + nearest, 0)) / this.threshold;
  }

  /** @param {Float64Array} out */
  #project(vector, out) {
    for (let i = 0; i < out.length; i += 1) out[i] = dot(vector, this.directions[i]);
    return out;
  }
}

/** @param {Tensors[string]} tensor */
function rows({ shape: [count, width], values }) {
  return Array.from({ length: count }, (_, i) => values.subarray(i * width, (i + 1) * width));
}

function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += a[i] * b[i];
  return sum;
}
