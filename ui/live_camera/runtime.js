// Load LiteRT.js inside a worker. No byte of it runs before its SHA-256 is the expected one.

import { sha256 } from "./parts.js";

// A module with one relaxed SIMD instruction; browsers that refuse it get the compatible build.
const RELAXED = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253,
  15, 65, 2, 253, 15, 253, 128, 2, 11,
]);

async function verified(name, [address, wanted]) {
  let content;
  try {
    const response = await fetch(address, { credentials: "omit" });
    if (!response.ok) throw new Error(`status ${response.status}`);
    content = await response.arrayBuffer();
  } catch {
    throw new Error("The runtime could not be fetched.");
  }
  if ((await sha256(content)) !== wanted)
    throw new Error(`The runtime's file ${name} is not what it should be and was not run.`);
  return content;
}

const script = (content) =>
  URL.createObjectURL(new Blob([content], { type: "text/javascript" }));

// `files`: name → [absolute address, SHA-256].
export async function loadRuntime(files) {
  const build = WebAssembly.validate(RELAXED) ? "litert" : "compat";
  const names = ["index.js", "wasm-utils.js", `${build}.js`, `${build}.wasm`];
  const [index, utils, glue, binary] = await Promise.all(
    names.map((name) => verified(name, files[name])),
  );
  const text = new TextDecoder().decode(index);
  const linked = text.replace('"@litertjs/wasm-utils"', `"${script(utils)}"`);
  const litert = await import(script(linked));
  // It reports its progress as errors, which would look like faults.
  const quietly = (line) => console.debug(line);
  self.Module = { wasmBinary: binary, print: quietly, printErr: quietly };
  await litert.loadLiteRt(`${script(glue)}#.js`);
  return litert;
}
