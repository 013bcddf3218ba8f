// @ts-check
// The classes with their names, capture buttons and captured pictures.

/**
 * @typedef {object} Callbacks
 * @property {(action: object) => Promise<void>} act have Python change something
 * @property {(id: number) => void} onPress of a class's capture button
 * @property {(id: number) => void} onRelease
 */

const HTML = `
  <div class="classes"></div>
  <div class="foot"><button type="button" class="add">Add a class</button><p class="summary" role="status"></p></div>`;
const CLASS = `
  <div class="head">
    <input type="text" class="name" maxlength="60" autocomplete="off" spellcheck="false">
    <span class="count"></span>
    <button type="button" class="remove" title="Remove this class">×</button>
    <button type="button" class="capture">Hold to capture<span class="key"></span></button>
  </div>
  <ul class="strip"></ul>`;
const KEYS = 9; // the first nine classes have a key

export class ClassList {
  #root;
  #callbacks;
  /** @type {Map<number, HTMLElement>} by id */
  #classes = new Map();
  /** @type {Map<number, string>} id of a picture → data URL */
  #thumbnails = new Map();
  #enabled = false;

  /**
   * @param {HTMLElement} root
   * @param {Callbacks} callbacks
   */
  constructor(root, callbacks) {
    this.#root = root;
    this.#callbacks = callbacks;
    root.innerHTML = HTML;
    const add = root.querySelector(".add");
    add.addEventListener("click", () => callbacks.act({ action: "add class" }));
  }

  /** Id of the class at a place, if there is one. */
  idAt(place) {
    return [...this.#classes.keys()][place];
  }

  /**
   * @param {CapturedClass[]} classes
   * @param {Record<string, string>} thumbnails new ones: id of the picture → JPEG in base64
   */
  show(classes, thumbnails) {
    for (const [id, content] of Object.entries(thumbnails))
      this.#thumbnails.set(Number(id), `data:image/jpeg;base64,${content}`);
    const pictures = new Set(classes.flatMap((each) => each.pictures));
    for (const id of this.#thumbnails.keys()) if (!pictures.has(id)) this.#thumbnails.delete(id);
    const ids = new Set(classes.map(({ id }) => id));
    for (const [id, element] of this.#classes)
      if (!ids.has(id)) {
        element.remove();
        this.#classes.delete(id);
      }
    classes.forEach((each, place) => this.#showClass(each, place));
  }

  showSummary(text) {
    const summary = this.#root.querySelector(".summary");
    if (summary.textContent !== text) summary.textContent = text;
  }

  /** Whether there is a camera to capture with. */
  set enabled(enabled) {
    this.#enabled = enabled;
    for (const element of this.#classes.values()) button(element, ".capture").disabled = !enabled;
  }

  /**
   * @param {number | null} classId the class that is being captured
   * @param {number} waiting its frames that the model has not been trained on yet
   */
  showCapture(classId, waiting) {
    for (const [id, element] of this.#classes) {
      const active = id === classId;
      element.querySelector(".capture").setAttribute("aria-pressed", String(active));
      const more = active && waiting ? ` + ${waiting}` : "";
      element.querySelector(".count").textContent = `${pictureCount(element)}${more}`;
    }
  }

  /** @param {CapturedClass} shown */
  #showClass({ id, name, pictures }, place) {
    const element = this.#classes.get(id) ?? this.#addClass(id);
    element.setAttribute("aria-label", name);
    const input = element.querySelector("input");
    if (this.#focused !== input) input.value = name;
    input.dataset.name = name;
    input.setAttribute("aria-label", `Name of class ${place + 1}`);
    const capture = button(element, ".capture");
    capture.querySelector(".key").textContent = place < KEYS ? ` · key ${place + 1}` : "";
    if (place < KEYS) capture.setAttribute("aria-keyshortcuts", String(place + 1));
    capture.disabled = !this.#enabled;
    capture.setAttribute("aria-label", `Hold to capture ${name}`);
    element.querySelector(".remove").setAttribute("aria-label", `Remove the class ${name}`);
    element.querySelector(".count").textContent = String(pictures.length);
    this.#showPictures(element.querySelector("ul"), name, pictures);
  }

  /**
   * The newest picture comes first, where it is seen without scrolling.
   * @param {HTMLUListElement} strip
   */
  #showPictures(strip, name, pictures) {
    const items = new Map(
      Array.from(strip.children, (item) => [Number(item.getAttribute("data-picture")), item]),
    );
    for (const [id, item] of items) if (!pictures.includes(id)) this.#removePicture(item);
    [...pictures].reverse().forEach((id, place) => {
      const item = items.get(id) ?? this.#createPicture(id);
      const number = pictures.length - place;
      item.querySelector("img").alt = `${name}, picture ${number}`;
      item
        .querySelector("button")
        .setAttribute("aria-label", `Delete picture ${number} of ${name}`);
      if (strip.children[place] !== item) strip.insertBefore(item, strip.children[place] ?? null);
    });
    strip.hidden = !pictures.length;
  }

  /**
   * Keyboard focus moves on to the next picture.
   * @param {Element} item
   */
  #removePicture(item) {
    const focused = item.contains(this.#focused);
    const next = item.nextElementSibling ?? item.previousElementSibling;
    item.remove();
    if (focused) next?.querySelector("button").focus();
  }

  #createPicture(id) {
    const item = document.createElement("li");
    item.dataset.picture = String(id);
    const image = document.createElement("img");
    image.src = this.#thumbnails.get(id) ?? "";
    const remove = document.createElement("button");
    Object.assign(remove, { type: "button", className: "delete", textContent: "×" });
    remove.addEventListener("click", () => this.#callbacks.act({ action: "delete", picture: id }));
    item.append(image, remove);
    return item;
  }

  #addClass(id) {
    const { act } = this.#callbacks;
    const element = document.createElement("section");
    element.className = "class";
    element.innerHTML = CLASS;
    this.#classes.set(id, element);
    const input = element.querySelector("input");
    input.addEventListener("change", async () => {
      await act({ action: "rename", class_id: id, name: input.value });
      if (this.#focused !== input) input.value = input.dataset.name; // a refused name is undone
    });
    input.addEventListener("keydown", ({ key }) => {
      if (key === "Enter") input.blur();
    });
    element.querySelector(".remove").addEventListener("click", () => {
      const count = pictureCount(element);
      const question = `Remove ${input.dataset.name} and its pictures (${count})?`;
      if (!count || confirm(question)) act({ action: "remove class", class_id: id });
    });
    this.#listen(button(element, ".capture"), id);
    this.#root.querySelector(".classes").append(element);
    return element;
  }

  /** @param {HTMLButtonElement} capture */
  #listen(capture, id) {
    const { onPress, onRelease } = this.#callbacks;
    const presses = (/** @type {KeyboardEvent} */ { key }) => key === " " || key === "Enter";
    capture.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      capture.setPointerCapture(event.pointerId);
      onPress(id);
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture", "blur"])
      capture.addEventListener(end, () => onRelease(id));
    capture.addEventListener("contextmenu", (event) => event.preventDefault());
    capture.addEventListener("keydown", (event) => {
      if (!presses(event)) return;
      event.preventDefault();
      if (!event.repeat) onPress(id);
    });
    capture.addEventListener("keyup", (event) => {
      if (presses(event)) onRelease(id);
    });
  }

  get #focused() {
    return /** @type {ShadowRoot} */ (this.#root.getRootNode()).activeElement;
  }
}

/**
 * @param {HTMLElement} element
 * @returns {HTMLButtonElement}
 */
const button = (element, selector) => element.querySelector(selector);

/** @param {HTMLElement} element of a class */
const pictureCount = (element) => element.querySelector("ul").children.length;
