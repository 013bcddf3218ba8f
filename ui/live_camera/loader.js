// Link the modules that came with the data, and hand over to the one that is to be shown.

const addresses = new Map(); // what a module says once linked → its address
const shown = new WeakMap(); // where a view is → the view, and which call was the last

function link(sources) {
  const urls = {};
  const linked = (name) => {
    if (urls[name]) return urls[name];
    const text = sources[name].replace(
      /from "\.\/([\w.]+)"/g,
      (_, wanted) => `from "${linked(wanted)}"`,
    );
    if (!addresses.has(text)) {
      const blob = new Blob([text, `\n//# sourceURL=${name}`], { type: "text/javascript" });
      addresses.set(text, URL.createObjectURL(blob));
    }
    return (urls[name] = addresses.get(text));
  };
  Object.keys(sources).forEach(linked);
  return urls;
}

export default async function (component) {
  const { data, parentElement } = component;
  const held = shown.get(parentElement) ?? { calls: 0, view: null };
  shown.set(parentElement, held);
  const call = (held.calls += 1);
  const urls = link(data.sources);
  const { open } = await import(urls[data.entry]);
  // Streamlit calls again for every change; only the last call may open, and only its end counts.
  if (held.calls === call) {
    held.view ??= open(parentElement, urls);
    held.view.show(data);
  }
  return () => {
    if (held.calls !== call) return;
    held.view?.leave();
    shown.delete(parentElement);
  };
}
