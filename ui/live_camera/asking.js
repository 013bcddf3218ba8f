// Ask Python over the line, one question after another, and read what it answers.

const LINE = Symbol.for("tusker.live.line");
const PATIENCE = 15_000; // milliseconds, after which a question counts as lost
const TRIES = 3;
const CLOSED = "The view was closed.";

export class Asking {
  #line = (globalThis[LINE] ??= { send: null, hear: null, ready: null });
  #last = Promise.resolve();
  #number = Math.floor(Math.random() * 2 ** 30); // no answer to an earlier view is taken for ours
  #waiting = null;
  #closed = false;
  #ready = null;
  heard = () => {}; // told the header of all that Python says, asked or not

  constructor() {
    this.#line.hear = this.#hear;
  }

  // → { header, payload }: what Python says, and bytes that come with it.
  ask(question) {
    const answered = this.#last.then(() => this.#put(question));
    this.#last = answered.catch(() => {});
    return answered;
  }

  close() {
    this.#closed = true;
    this.#waiting?.reject(new Error(CLOSED));
    this.#waiting = null;
    // The view that follows may have the line already.
    if (this.#line.hear === this.#hear) this.#line.hear = null;
    if (this.#line.ready === this.#ready) this.#line.ready = null;
  }

  async #put(question) {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#once(question);
      } catch (error) {
        if (error.name !== "TimeoutError" || tries === TRIES) throw error;
      }
    }
  }

  #once(question) {
    if (this.#closed) return Promise.reject(new Error(CLOSED));
    const number = (this.#number += 1);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const error = new Error("This server does not answer.");
        error.name = "TimeoutError";
        settle(reject)(error);
      }, PATIENCE);
      const settle = (how) => (value) => {
        clearTimeout(timer);
        this.#waiting = null;
        how(value);
      };
      this.#waiting = { number, resolve: settle(resolve), reject: settle(reject) };
      const send = () => this.#line.send({ number, ...question });
      if (this.#line.send) send();
      else
        this.#line.ready = this.#ready = () => {
          this.#line.ready = null;
          send();
        };
    });
  }

  #hear = (bytes) => {
    const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
    const waiting = this.#waiting;
    if (header.number === waiting?.number) {
      if (header.refusal) waiting.reject(new Error(header.refusal));
      else waiting.resolve({ header, payload: bytes.slice(4 + length).buffer });
    }
    this.heard(header);
  };
}
