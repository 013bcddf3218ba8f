// @ts-check
// Send requests to Python through the transport, one at a time, and read the responses.

const TIMEOUT = 15_000; // milliseconds after which a request counts as lost
const TRIES = 3;
const POLL = 20; // milliseconds between looks for the transport

export class Connection {
  #channel = (globalThis[Symbol.for("tusker.live")] ??= { send: null, receive: null });
  /** @type {Promise<unknown>} */
  #last = Promise.resolve();
  // Starts at random: a response to an earlier view must not be taken for one to this view.
  #number = Math.floor(Math.random() * 2 ** 30);
  /** @type {{ number: number, resolve: (response?: Message) => void } | null} */
  #pending = null;
  #closed = false;
  /** Called with the header of every message from Python, requested or not. */
  onMessage = (/** @type {Header} */ _header) => {};

  constructor() {
    this.#channel.receive = this.#receive;
  }

  /** @returns {Promise<Message>} */
  request(message) {
    const response = this.#last.then(() => this.#exchange(message));
    this.#last = response.catch(() => {});
    return response;
  }

  close() {
    this.#closed = true;
    this.#pending?.resolve();
    // The next view may have the channel already.
    if (this.#channel.receive === this.#receive) this.#channel.receive = null;
  }

  /** @returns {Promise<Message>} */
  async #exchange(message) {
    for (let tries = 0; tries < TRIES; tries += 1) {
      while (!this.#channel.send && !this.#closed)
        await new Promise((resolve) => setTimeout(resolve, POLL));
      if (this.#closed) break;
      const response = await this.#send({ number: (this.#number += 1), ...message });
      if (response?.header.error) throw new Error(response.header.error);
      if (response) return response;
    }
    throw new Error(this.#closed ? "The view was closed." : "This server does not answer.");
  }

  /** @returns {Promise<Message | undefined>} undefined after a timeout or when closed */
  async #send(request) {
    let timer = 0;
    /** @type {Message | undefined} */
    const response = await new Promise((resolve) => {
      timer = setTimeout(resolve, TIMEOUT);
      this.#pending = { number: request.number, resolve };
      this.#channel.send(request);
    });
    clearTimeout(timer);
    this.#pending = null;
    return response;
  }

  #receive = (/** @type {Uint8Array} */ bytes) => {
    const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
    if (header.number === this.#pending?.number)
      this.#pending.resolve({ header, payload: bytes.slice(4 + length).buffer });
    this.onMessage(header);
  };
}
