// @ts-check
// Smooth figures that jump from frame to frame: exponential smoothing by time.

const TIME_CONSTANT = 300; // milliseconds after which two thirds of a change are shown

export class Smoothing {
  /** @type {Float64Array | null} */
  #values = null;
  #time = 0;

  /**
   * @param {ArrayLike<number>} values of this frame
   * @param {number} now in milliseconds
   * @returns {Float64Array} smoothed values; changed by the next call
   */
  update(values, now) {
    if (this.#values?.length !== values.length) this.#values = Float64Array.from(values);
    const smoothed = this.#values;
    const weight = 1 - Math.exp((this.#time - now) / TIME_CONSTANT);
    for (let i = 0; i < smoothed.length; i += 1) smoothed[i] += weight * (values[i] - smoothed[i]);
    this.#time = now;
    return smoothed;
  }

  reset() {
    this.#values = null;
  }
}

export class FrameRate {
  #smoothing = new Smoothing();
  #last = 0;

  /** @param {number} started when the frame was taken, in milliseconds */
  update(started, now) {
    const interval = now - (this.#last || started);
    this.#last = now;
    const [every, took] = this.#smoothing.update([interval, now - started], now);
    return { perSecond: 1000 / every, milliseconds: took };
  }

  reset() {
    this.#last = 0;
    this.#smoothing.reset();
  }
}

/** Indices of the largest values, the largest first. */
export function topIndices(/** @type {Float64Array} */ values, /** @type {number} */ count) {
  return Array.from(values.keys())
    .sort((a, b) => values[b] - values[a])
    .slice(0, count);
}
