// @ts-check
// Capture frames one after another while a button is held, and send them on.

const INTERVAL = 130; // milliseconds from frame to frame
const EDGE = 320; // shorter edge in pixels, more than the network sees
const QUALITY = 0.9;
const BATCH = 6; // frames that are sent at once
const MAX_WAITING = 24; // no frame is captured while as many wait

/** @typedef {{ class_id: number, burst: number }} Burst */

export class BurstCapture {
  #viewfinder;
  #send;
  #onChange;
  #timer = 0;
  /** @type {Burst} */
  #burst = { class_id: 0, burst: 0 };
  /** @type {{ burst: Burst, frame: string }[]} */
  #waiting = [];
  #sending = 0;
  /** @type {number | null} class that is being captured */
  classId = null;

  /**
   * @param {import("./viewfinder.js").Viewfinder} viewfinder
   * @param {{ send: (frames: object) => Promise<void>, onChange: () => void }} callbacks
   *   `onChange` is called at the start, at each frame and at the end
   */
  constructor(viewfinder, { send, onChange }) {
    this.#viewfinder = viewfinder;
    this.#send = send;
    this.#onChange = onChange;
  }

  /** Frames that were captured and that the model has not been trained on yet. */
  get waiting() {
    return this.#waiting.length + this.#sending;
  }

  get busy() {
    return this.classId !== null || this.waiting > 0;
  }

  start(classId) {
    if (this.classId !== null || !this.#viewfinder.live) return;
    this.classId = classId;
    this.#burst = { class_id: classId, burst: Math.max(this.#burst.burst + 1, Date.now()) };
    this.#capture();
    this.#timer = setInterval(() => this.#capture(), INTERVAL);
  }

  /** Stop capturing a class, or any class. */
  stop(classId = this.classId) {
    if (this.classId === null || this.classId !== classId) return;
    clearInterval(this.#timer);
    this.classId = null;
    this.#onChange();
  }

  /** Stop, and drop the frames that wait. */
  discard() {
    this.#waiting = [];
    this.stop();
  }

  #capture() {
    if (this.waiting >= MAX_WAITING) return;
    const frame = this.#viewfinder.grabJpeg(EDGE, QUALITY);
    if (!frame) return this.stop();
    this.#waiting.push({ burst: this.#burst, frame });
    this.#onChange();
    this.#sendWaiting();
  }

  async #sendWaiting() {
    if (this.#sending) return;
    while (this.#waiting.length) {
      const [{ burst }] = this.#waiting;
      const end = this.#waiting.findIndex((next) => next.burst !== burst);
      const count = Math.min(BATCH, end < 0 ? this.#waiting.length : end);
      const frames = this.#waiting.splice(0, count).map(({ frame }) => frame);
      this.#sending = count;
      await this.#send({ ...burst, frames });
      this.#sending = 0;
      this.#onChange();
    }
  }
}
