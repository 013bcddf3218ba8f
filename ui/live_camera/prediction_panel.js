// @ts-check
// The prediction beside the picture: verdict, bars, frame rate, and where the model runs.

const HTML = `
  <p class="verdict" role="status"></p>
  <ol class="bars" aria-label="Most probable classes"></ol>
  <p class="figures"></p>
  <p class="loading" hidden><span></span><progress max="1"></progress></p>
  <p class="location" role="status"></p>`;

const BAR = `
  <span class="label"></span><span class="share"></span><span class="current"></span>
  <div class="track"><div class="length"></div><div class="tick"></div></div>`;

export class PredictionPanel {
  #root;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
    root.innerHTML = HTML;
  }

  /** @param {Bar[]} bars the most probable class first */
  show(bars, verdict) {
    const list = this.#find(".bars");
    while (list.children.length > bars.length) list.lastElementChild.remove();
    while (list.children.length < bars.length)
      list.append(Object.assign(document.createElement("li"), { innerHTML: BAR }));
    bars.forEach((bar, i) => fill(/** @type {HTMLElement} */ (list.children[i]), bar));
    this.#setText(".verdict", verdict);
  }

  showFigures(text) {
    this.#setText(".figures", text);
  }

  /** @param {string} kind `browser`, `server` or `error` */
  showLocation(text, kind) {
    this.#setText(".location", text);
    this.#root.dataset.location = kind;
  }

  /**
   * @param {string} text empty when loading is over
   * @param {number | null} share of the work done, 0 to 1; null while unknown
   */
  showLoading(text, share = null) {
    const loading = this.#find(".loading");
    loading.hidden = !text;
    loading.querySelector("span").textContent = text;
    const progress = loading.querySelector("progress");
    if (share === null) progress.removeAttribute("value");
    else progress.value = share;
  }

  clear(verdict = "") {
    this.show([], verdict);
    this.showFigures("");
  }

  /** @returns {HTMLElement} */
  #find = (selector) => this.#root.querySelector(selector);

  /** Screen readers read a status again whenever it is set. */
  #setText(selector, text) {
    const element = this.#find(selector);
    if (element.textContent !== text) element.textContent = text;
  }
}

/**
 * @param {HTMLElement} item
 * @param {Bar} bar
 */
function fill(item, { label, probability, current }) {
  /** @returns {HTMLElement} */
  const find = (selector) => item.querySelector(selector);
  find(".label").textContent = label;
  find(".share").textContent = percent(probability);
  find(".current").textContent = `this frame: ${percent(current)}`;
  find(".length").style.width = `${100 * probability}%`;
  find(".tick").style.left = `${100 * current}%`;
  item.title = `${label}, this frame: ${percent(current)}`;
}

/** The same as `ui.text.share`. */
export function percent(share) {
  if (share > 0 && share < 0.001) return "< 0.1 %";
  if (share > 0.999 && share < 1) return "> 99.9 %";
  const extreme = (share > 0 && share < 0.01) || (share > 0.99 && share < 1);
  return `${(100 * share).toFixed(extreme ? 1 : 0).replace(/\.0$/, "")} %`;
}
