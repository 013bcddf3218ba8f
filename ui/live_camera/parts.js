// Get the parts of a model: from the browser's cache by their hash, else from Python in pieces.

const CACHE = "tusker-live";
const KEPT = 9; // parts; the oldest go first

export async function sha256(buffer) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", buffer));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// A part by name → ArrayBuffer. `progress(bytes)` is told of every piece that came.
export async function fetchPart(asking, model, name, progress) {
  const { sha256: wanted, bytes } = model.parts[name];
  const kept = await cached(wanted);
  if (kept) {
    progress(bytes);
    return expand(kept);
  }
  const whole = new Uint8Array(bytes);
  for (let at = 0; at < bytes; ) {
    const { payload } = await asking.ask({ model: model.id, part: name, at });
    if (!payload.byteLength) throw new Error("A piece of the model is missing.");
    whole.set(new Uint8Array(payload), at);
    at += payload.byteLength;
    progress(payload.byteLength);
  }
  // Without a secure page there is no digest, and neither a camera.
  if (globalThis.crypto?.subtle && (await sha256(whole)) !== wanted)
    throw new Error("The model did not arrive as it was sent.");
  await keep(wanted, whole);
  return expand(whole);
}

const address = (hash) => new URL(`/tusker-live-part/${hash}`, location.origin).href;

async function cached(hash) {
  try {
    const found = await (await caches.open(CACHE)).match(address(hash));
    const content = found && (await found.arrayBuffer());
    return content && (await sha256(content)) === hash ? content : null;
  } catch {
    return null; // private windows and old browsers have no cache
  }
}

async function keep(hash, content) {
  try {
    const cache = await caches.open(CACHE);
    await cache.put(address(hash), new Response(content));
    const every = await cache.keys();
    await Promise.all(every.slice(0, Math.max(0, every.length - KEPT)).map((k) => cache.delete(k)));
  } catch {
    // It comes over the line again next time.
  }
}

// The reverse of `core.live.packing.squeeze`.
export async function expand(squeezed) {
  const stream = new Blob([squeezed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const planes = new Uint8Array(await new Response(stream).arrayBuffer());
  const count = planes.length / 4;
  const words = new Uint8Array(planes.length);
  for (let plane = 0; plane < 4; plane += 1)
    for (let from = plane * count, to = plane, i = 0; i < count; i += 1, to += 4)
      words[to] = planes[from + i];
  return words.buffer;
}

export function readLabels(buffer) {
  return JSON.parse(new TextDecoder().decode(buffer).replace(/\0+$/, ""));
}
