// @ts-check
// Get the parts of a model from the browser's cache by their hash, else from Python in pieces.

const CACHE = "tusker-live";
const CACHED_PARTS = 9; // the oldest are deleted first

/** @param {BufferSource} content */
export async function sha256(content) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * @param {import("./connection.js").Connection} connection
 * @param {Model} model
 * @param {string} name of the part
 * @param {(bytes: number) => void} onProgress called with the size of each piece
 */
export async function fetchPart(connection, model, name, onProgress = () => {}) {
  const { sha256: hash, bytes } = model.parts[name];
  const cached = await readCache(hash);
  if (cached) {
    onProgress(bytes);
    return expand(cached);
  }
  const content = new Uint8Array(bytes);
  for (let offset = 0; offset < bytes;) {
    const { payload } = await connection.request({ model: model.id, part: name, offset });
    if (!payload.byteLength) throw new Error("A piece of the model is missing.");
    content.set(new Uint8Array(payload), offset);
    offset += payload.byteLength;
    onProgress(payload.byteLength);
  }
  // Pages without https have no digest, and no camera either.
  if (globalThis.crypto?.subtle && (await sha256(content)) !== hash)
    throw new Error("The model did not arrive as it was sent.");
  await writeCache(hash, content);
  return expand(content);
}

const address = (hash) => new URL(`/tusker-live-part/${hash}`, location.origin).href;

async function readCache(hash) {
  try {
    const response = await (await caches.open(CACHE)).match(address(hash));
    const content = response && (await response.arrayBuffer());
    return content && (await sha256(content)) === hash ? content : null;
  } catch {
    return null; // private windows and old browsers have no cache
  }
}

/** @param {Uint8Array<ArrayBuffer>} content */
async function writeCache(hash, content) {
  try {
    const cache = await caches.open(CACHE);
    await cache.put(address(hash), new Response(content));
    const keys = await cache.keys();
    const oldest = keys.slice(0, Math.max(0, keys.length - CACHED_PARTS));
    await Promise.all(oldest.map((key) => cache.delete(key)));
  } catch {
    // Without a cache the part is fetched again next time.
  }
}

/**
 * The reverse of `core.live.parts.compress`.
 * @param {BlobPart} compressed
 */
export async function expand(compressed) {
  const stream = new Blob([compressed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const planes = new Uint8Array(await new Response(stream).arrayBuffer());
  const count = planes.length / 4;
  const words = new Uint8Array(planes.length);
  for (let plane = 0; plane < 4; plane += 1)
    for (let from = plane * count, to = plane, i = 0; i < count; i += 1, to += 4)
      words[to] = planes[from + i];
  return words.buffer;
}

/**
 * @param {ArrayBuffer} content
 * @returns {string[]}
 */
export function readLabels(content) {
  return JSON.parse(new TextDecoder().decode(content).replace(/\0+$/, ""));
}
