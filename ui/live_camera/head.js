// From the embedding to the answer: what `core.model.dense`, `core.model.ood` and `core.model.heatmap` do.

const TYPES = { F32: Float32Array };

// safetensors → { name: { shape, values } }.
export function readTensors(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const found = {};
  for (const [name, { dtype, shape, data_offsets: [from, to] }] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const content = buffer.slice(8 + length + from, 8 + length + to);
    found[name] = { shape, values: new TYPES[dtype](content) };
  }
  return found;
}

export class Head {
  constructor(tensors) {
    this.layers = [];
    for (let i = 0; tensors[`head.${i}.kernel`]; i += 1) {
      const { shape, values } = tensors[`head.${i}.kernel`];
      const [inputs, units] = shape;
      this.layers.push({ inputs, units, kernel: values, bias: tensors[`head.${i}.bias`].values });
    }
    this.novelty = tensors["novelty.means"] ? new Novelty(tensors) : null;
    this.expected = tensors.expected?.values ?? null;
  }

  probabilities(embedding) {
    let values = embedding;
    this.layers.forEach((layer, i) => {
      values = dense(layer, values);
      if (i < this.layers.length - 1) values = values.map((value) => Math.max(value, 0));
    });
    return softmax(values);
  }

  // Over 1: unlike what was taught. null: not known.
  strangeness(embedding) {
    return this.novelty ? this.novelty.strangeness(embedding) : null;
  }

  // Evidence for a class by place: Float32Array of places, as wide and high as the feature map.
  heat(featureMap, index) {
    const width = this.layers[0].inputs;
    const places = featureMap.length / width;
    const gradient = this.#gradient(featureMap, width, places, index);
    const heat = new Float32Array(places);
    for (let place = 0, at = 0; place < places; place += 1) {
      let sum = 0;
      for (let i = 0; i < width; i += 1, at += 1) sum += featureMap[at] * gradient[i];
      heat[place] = sum;
    }
    return heat;
  }

  #gradient(featureMap, width, places, index) {
    let inputs = new Float64Array(width);
    for (let at = 0; at < featureMap.length; at += 1) inputs[at % width] += featureMap[at];
    inputs = inputs.map((value) => value / places);
    const hidden = this.layers.slice(0, -1);
    const active = hidden.map((layer) => {
      inputs = dense(layer, inputs).map((value) => Math.max(value, 0));
      return inputs;
    });
    const last = this.layers.at(-1);
    let gradient = new Float64Array(last.inputs);
    for (let i = 0; i < last.inputs; i += 1) gradient[i] = last.kernel[i * last.units + index];
    for (let n = hidden.length - 1; n >= 0; n -= 1) {
      const { inputs: count, units, kernel } = hidden[n];
      const passed = gradient.map((value, unit) => (active[n][unit] > 0 ? value : 0));
      gradient = new Float64Array(count);
      for (let i = 0, at = 0; i < count; i += 1)
        for (let unit = 0; unit < units; unit += 1, at += 1)
          gradient[i] += passed[unit] * kernel[at];
    }
    return gradient;
  }
}

function dense({ inputs, units, kernel, bias }, values) {
  const found = Float64Array.from(bias);
  for (let i = 0, at = 0; i < inputs; i += 1) {
    const value = values[i];
    for (let unit = 0; unit < units; unit += 1, at += 1) found[unit] += value * kernel[at];
  }
  return found;
}

function softmax(logits) {
  const most = logits.reduce((a, b) => Math.max(a, b));
  const powers = logits.map((logit) => Math.exp(logit - most));
  const sum = powers.reduce((a, b) => a + b);
  return Float32Array.from(powers, (power) => power / sum);
}

class Novelty {
  constructor(tensors) {
    this.means = rows(tensors["novelty.means"]);
    this.directions = rows(tensors["novelty.directions"]);
    this.threshold = tensors["novelty.threshold"].values[0];
    this.along = this.means.map((mean) => this.directions.map((way) => dot(mean, way)));
    this.own = this.means.map((mean, k) => dot(mean, mean) - dot(this.along[k], this.along[k]));
  }

  strangeness(embedding) {
    const roots = Float64Array.from(embedding, (v) => Math.sign(v) * Math.sqrt(Math.abs(v)));
    const length = Math.max(Math.sqrt(dot(roots, roots)), 1e-12);
    const row = roots.map((root) => root / length);
    const along = this.directions.map((way) => dot(row, way));
    const rest = dot(row, row) - dot(along, along);
    const nearest = this.means.reduce((least, mean, k) => {
      const shared = dot(row, mean) - dot(along, this.along[k]);
      return Math.min(least, this.own[k] - 2 * shared);
    }, Infinity);
    return Math.sqrt(Math.max(rest + nearest, 0)) / this.threshold;
  }
}

function rows({ shape: [count, width], values }) {
  return Array.from({ length: count }, (_, i) => values.subarray(i * width, (i + 1) * width));
}

function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += a[i] * b[i];
  return sum;
}
