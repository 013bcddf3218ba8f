// Hold figures steady that jump from frame to frame: exponential smoothing by time.

const SETTLING = 300; // milliseconds after which two thirds of a change are shown

export class Steady {
  #values = null;
  #at = 0;

  // Numbers of this frame, and when it was → smoothed numbers, Float64Array.
  follow(values, now) {
    if (this.#values?.length !== values.length) this.#values = Float64Array.from(values);
    const share = 1 - Math.exp(-(now - this.#at) / SETTLING);
    values.forEach((value, i) => (this.#values[i] += share * (value - this.#values[i])));
    this.#at = now;
    return this.#values;
  }

  forget() {
    this.#values = null;
  }
}

// Frames a second and milliseconds a frame, over the last second or so.
export class Pace {
  #frames = new Steady();
  #last = 0;

  follow(began, now) {
    const interval = this.#last ? now - this.#last : now - began;
    this.#last = now;
    const [every, took] = this.#frames.follow([interval, now - began], now);
    return { perSecond: 1000 / every, milliseconds: took };
  }

  forget() {
    this.#last = 0;
    this.#frames.forget();
  }
}

// Indices of the largest, the largest first.
export function largest(values, count) {
  return Array.from(values.keys())
    .sort((a, b) => values[b] - values[a])
    .slice(0, count);
}
