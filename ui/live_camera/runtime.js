// @ts-check
// Load LiteRT.js inside a worker. None of its code runs before its SHA-256 has been checked.

import { sha256 } from "./parts.js";

// A module with one relaxed SIMD instruction. Browsers that refuse it get the compatible build.
const RELAXED = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15,
  65, 2, 253, 15, 253, 128, 2, 11,
]);

async function fetchVerified(name, [address, hash]) {
  let content;
  try {
    const response = await fetch(address, { credentials: "omit" });
    if (!response.ok) throw new Error(`status ${response.status}`);
    content = await response.arrayBuffer();
  } catch {
    throw new Error("The runtime could not be fetched.");
  }
  if ((await sha256(content)) !== hash)
    throw new Error(`The runtime's file ${name} is not what it should be and was not run.`);
  return content;
}

const scriptUrl = (/** @type {BlobPart} */ content) =>
  URL.createObjectURL(new Blob([content], { type: "text/javascript" }));

/** @param {Record<string, RuntimeFile>} files with absolute addresses */
export async function loadRuntime(files) {
  const build = WebAssembly.validate(RELAXED) ? "litert" : "compat";
  const names = ["index.js", "wasm-utils.js", `${build}.js`, `${build}.wasm`];
  const [index, utils, glue, binary] = await Promise.all(
    names.map((name) => fetchVerified(name, files[name])),
  );
  const text = new TextDecoder().decode(index);
  const linkedIndex = text.replace('"@litertjs/wasm-utils"', `"${scriptUrl(utils)}"`);
  const litert = await import(scriptUrl(linkedIndex));
  // LiteRT.js prints its progress as errors.
  const print = (line) => console.debug(line);
  Object.assign(self, { Module: { wasmBinary: binary, print, printErr: print } });
  await litert.loadLiteRt(`${scriptUrl(glue)}#.js`);
  return litert;
}
