// @ts-check
// Link the modules that come with the data, and show the view that is asked for.

/** @typedef {{ update: (data: any) => void, close: () => void }} View */

/** @type {Map<string, string>} text of a linked module → its URL */
const moduleUrls = new Map();
/** @type {WeakMap<Element, { calls: number, view: View | null }>} */
const shown = new WeakMap();

/** @param {Record<string, string>} sources by name */
function link(sources) {
  /** @type {Record<string, string>} */
  const urls = {};
  const linked = (name) => {
    if (urls[name]) return urls[name];
    const text = sources[name].replace(
      /from "\.\/([\w.]+)"/g,
      (_, imported) => `from "${linked(imported)}"`,
    );
    if (!moduleUrls.has(text)) {
      const blob = new Blob([text, `\n//# sourceURL=${name}`], { type: "text/javascript" });
      moduleUrls.set(text, URL.createObjectURL(blob));
    }
    return (urls[name] = moduleUrls.get(text));
  };
  Object.keys(sources).forEach(linked);
  return urls;
}

/** @param {{ data: any, parentElement: Element }} component */
export default async function ({ data, parentElement }) {
  const state = shown.get(parentElement) ?? { calls: 0, view: null };
  shown.set(parentElement, state);
  const call = (state.calls += 1);
  const urls = link(data.sources);
  const { open } = await import(urls[data.entry]);
  // Streamlit calls again for every change. Only the last call may open or close the view.
  if (state.calls === call) {
    state.view ??= open(parentElement, urls);
    state.view.update(data);
  }
  return () => {
    if (state.calls !== call) return;
    state.view?.close();
    shown.delete(parentElement);
  };
}
