// The answer beside the picture: verdict, bars, figures, and where the frames go.

const HTML = `
  <p class="verdict" role="status"></p>
  <ol class="bars" aria-label="Likeliest answers"></ol>
  <p class="figures"></p>
  <p class="loading" hidden><span></span><progress max="1"></progress></p>
  <p class="where" role="status"></p>`;

export class Answer {
  #root;

  constructor(root) {
    this.#root = root;
    root.innerHTML = HTML;
  }

  // `guesses`: { label, probability, now }, the likeliest first; `now` is this frame's own.
  show(guesses, verdict) {
    const bars = this.#one(".bars");
    while (bars.children.length > guesses.length) bars.lastChild.remove();
    while (bars.children.length < guesses.length) bars.append(bar());
    guesses.forEach((guess, i) => fill(bars.children[i], guess));
    this.#say(".verdict", verdict);
  }

  figures(text) {
    this.#say(".figures", text);
  }

  where(text, kind) {
    this.#say(".where", text);
    this.#root.dataset.where = kind;
  }

  // `share` of the work done, 0 to 1, or null while that is not known; `text` empty when over.
  loading(text, share = null) {
    const loading = this.#one(".loading");
    loading.hidden = !text;
    loading.querySelector("span").textContent = text;
    const progress = loading.querySelector("progress");
    if (share === null) progress.removeAttribute("value");
    else progress.value = share;
  }

  clear() {
    this.show([], "");
    this.figures("");
  }

  #one = (selector) => this.#root.querySelector(selector);

  #say(selector, text) {
    const element = this.#one(selector);
    if (element.textContent !== text) element.textContent = text;
  }
}

function bar() {
  const item = document.createElement("li");
  item.innerHTML =
    '<span class="label"></span><span class="share"></span><span class="now"></span>' +
    '<div class="track"><div class="length"></div><div class="tick"></div></div>';
  return item;
}

function fill(item, { label, probability, now }) {
  const set = (selector, text) => (item.querySelector(selector).textContent = text);
  set(".label", label);
  set(".share", percent(probability));
  set(".now", `now ${percent(now)}`);
  item.querySelector(".length").style.width = `${100 * probability}%`;
  item.querySelector(".tick").style.left = `${100 * now}%`;
  item.title = `${label}: this frame by itself ${percent(now)}`;
}

// As `ui.charts.drawing.share` writes it.
export function percent(share) {
  if (share > 0 && share < 0.001) return "< 0.1 %";
  if (share > 0.999 && share < 1) return "> 99.9 %";
  const near = (share > 0 && share < 0.01) || (share > 0.99 && share < 1);
  return `${(100 * share).toFixed(near ? 1 : 0)} %`;
}
