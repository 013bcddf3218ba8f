// A burst: frames taken one after another while a button is held, and sent on as fast as they go.

const EVERY = 130; // milliseconds from frame to frame
const EDGE = 320; // shorter edge in pixels, more than the network sees
const QUALITY = 0.9;
const TOGETHER = 6; // frames that are sent at once
const MOST = 24; // frames that may wait; none is taken while as many do

export class Burst {
  #stage;
  #on;
  #timer = null;
  #number = 0;
  #waiting = []; // { kind, burst, frame }
  #sending = 0;
  kind = null; // class that is being shown
  last = 0; // when the last frame was taken, as `performance.now` counts

  // `send({ kind, burst, frames })` → a promise; `changed()` is told of beginnings, frames and ends.
  constructor(stage, { send, changed }) {
    this.#stage = stage;
    this.#on = { send, changed };
  }

  // Frames that were taken and are not learned from yet.
  get waiting() {
    return this.#waiting.length + this.#sending;
  }

  get busy() {
    return this.kind !== null || this.waiting > 0;
  }

  begin(kind) {
    if (this.kind !== null || !this.#stage.live) return;
    this.kind = kind;
    this.#number = Math.max(this.#number + 1, Date.now());
    this.#take();
    this.#timer = setInterval(() => this.#take(), EVERY);
  }

  // End the burst of a class, or whichever there is.
  end(kind = this.kind) {
    if (this.kind === null || this.kind !== kind) return;
    clearInterval(this.#timer);
    this.kind = null;
    this.#on.changed();
  }

  // End, and drop what waits.
  forget() {
    this.#waiting = [];
    this.end();
  }

  #take() {
    if (this.waiting >= MOST) return;
    const frame = this.#stage.still(EDGE, QUALITY);
    if (!frame) return this.end();
    this.last = performance.now();
    this.#waiting.push({ kind: this.kind, burst: this.#number, frame });
    this.#on.changed();
    this.#send();
  }

  async #send() {
    if (this.#sending) return;
    while (this.#waiting.length) {
      const { kind, burst } = this.#waiting[0];
      const other = this.#waiting.findIndex((one) => one.burst !== burst);
      const count = Math.min(TOGETHER, other < 0 ? this.#waiting.length : other);
      const frames = this.#waiting.splice(0, count).map(({ frame }) => frame);
      this.#sending = frames.length;
      await this.#on.send({ kind, burst, frames });
      this.#sending = 0;
      this.#on.changed();
    }
  }
}
