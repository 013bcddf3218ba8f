// The classes that are taught: name, button to hold, and the pictures as a strip.

const CLASS = `
  <div class="head">
    <input type="text" class="name" maxlength="60" autocomplete="off" spellcheck="false">
    <button type="button" class="hold">Hold to show<span class="key"></span></button>
    <span class="count"></span>
    <button type="button" class="remove" title="Remove this class">×</button>
  </div>
  <ul class="strip"></ul>`;

export class Shelf {
  #root;
  #on;
  #classes = new Map(); // id → its element
  #thumbnails = new Map(); // id of a picture → data URL
  #counts = new Map(); // id of a class → pictures
  #live = false;

  // `act(asked)` is told what to ask Python for; `hold(id)` and `release(id)` begin and end a burst.
  constructor(root, { act, hold, release }) {
    this.#root = root;
    this.#on = { act, hold, release };
    root.innerHTML =
      '<div class="classes"></div>' +
      '<div class="foot"><button type="button" class="more">Add a class</button>' +
      '<p class="told" role="status"></p></div>';
    root.querySelector(".more").addEventListener("click", () => act({ act: "add class" }));
  }

  // Id of the class at that place, if there is one.
  kind(place) {
    return [...this.#classes.keys()][place];
  }

  // `classes`: [{ id, name, pictures: [id] }]; `thumbnails`: those that are new, as base 64.
  show({ classes, thumbnails }) {
    for (const [id, content] of Object.entries(thumbnails))
      this.#thumbnails.set(Number(id), `data:image/jpeg;base64,${content}`);
    const there = new Set(classes.flatMap(({ pictures }) => pictures));
    for (const id of this.#thumbnails.keys()) if (!there.has(id)) this.#thumbnails.delete(id);
    const ids = new Set(classes.map(({ id }) => id));
    for (const [id, element] of this.#classes)
      if (!ids.has(id)) {
        element.remove();
        this.#classes.delete(id);
      }
    classes.forEach((one, place) => this.#showClass(one, place));
  }

  forget() {
    this.#thumbnails.clear();
    this.show({ classes: [], thumbnails: {} });
  }

  // What is known of the model, in words.
  say(header) {
    const text = inWords(header);
    const told = this.#root.querySelector(".told");
    if (told.textContent !== text) told.textContent = text;
  }

  // Whether there is a picture to show anything by.
  set live(live) {
    this.#live = live;
    for (const button of this.#root.querySelectorAll(".hold")) button.disabled = !live;
  }

  // `kind`: the class whose button is held, or null; `waiting`: frames yet to be learned from.
  held(kind, waiting) {
    for (const [id, element] of this.#classes) {
      element.querySelector(".hold").setAttribute("aria-pressed", id === kind);
      const more = waiting && id === kind ? ` + ${waiting}` : "";
      element.querySelector(".count").textContent = `${this.#counts.get(id)}${more}`;
    }
  }

  #showClass({ id, name, pictures }, place) {
    const element = this.#classes.get(id) ?? this.#add(id);
    const input = element.querySelector(".name");
    if (this.#root.getRootNode().activeElement !== input) input.value = name;
    input.dataset.name = name;
    input.setAttribute("aria-label", `Name of class ${place + 1}`);
    element.setAttribute("aria-label", name);
    const hold = element.querySelector(".hold");
    hold.querySelector(".key").textContent = place < 9 ? ` · key ${place + 1}` : "";
    if (place < 9) hold.setAttribute("aria-keyshortcuts", place + 1);
    hold.disabled = !this.#live;
    hold.setAttribute("aria-label", `Hold to show ${name}`);
    element.querySelector(".remove").setAttribute("aria-label", `Remove the class ${name}`);
    element.querySelector(".count").textContent = pictures.length;
    this.#counts.set(id, pictures.length);
    this.#strip(element.querySelector(".strip"), name, pictures);
  }

  // The newest first, where it is seen without scrolling.
  #strip(strip, name, pictures) {
    const ids = [...pictures].reverse();
    const wanted = new Set(ids.map(String));
    const there = new Map([...strip.children].map((item) => [item.dataset.picture, item]));
    for (const [id, item] of there) if (!wanted.has(id)) this.#drop(strip, item);
    ids.forEach((id, place) => {
      const item = there.get(String(id)) ?? this.#picture(id);
      const number = pictures.length - place;
      item.querySelector("img").alt = `${name}, picture ${number}`;
      item.querySelector("button").setAttribute("aria-label", `Delete picture ${number} of ${name}`);
      if (strip.children[place] !== item) strip.insertBefore(item, strip.children[place] ?? null);
    });
    strip.hidden = !ids.length;
  }

  // Whoever deletes by keyboard goes on at the next picture.
  #drop(strip, item) {
    const focused = item.contains(strip.getRootNode().activeElement);
    const next = item.nextElementSibling ?? item.previousElementSibling;
    item.remove();
    if (focused) next?.querySelector("button").focus();
  }

  #picture(id) {
    const item = document.createElement("li");
    item.dataset.picture = id;
    const image = document.createElement("img");
    image.src = this.#thumbnails.get(id) ?? "";
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "delete", textContent: "×" });
    button.addEventListener("click", () => this.#on.act({ act: "delete", picture: id }));
    item.append(image, button);
    return item;
  }

  #add(id) {
    const element = document.createElement("section");
    element.className = "class";
    element.innerHTML = CLASS;
    this.#classes.set(id, element);
    const { act } = this.#on;
    const input = element.querySelector(".name");
    input.addEventListener("change", async () => {
      await act({ act: "rename", kind: id, name: input.value });
      // A name that was refused goes back to what it was.
      input.value = input.dataset.name;
    });
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") input.blur();
    });
    element.querySelector(".remove").addEventListener("click", () => {
      const count = this.#counts.get(id);
      const asked = `Remove ${input.dataset.name} and its pictures (${count})?`;
      if (!count || confirm(asked)) act({ act: "remove class", kind: id });
    });
    this.#holdable(element.querySelector(".hold"), id);
    this.#root.querySelector(".classes").append(element);
    return element;
  }

  #holdable(button, id) {
    const { hold, release } = this.#on;
    button.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      button.setPointerCapture(event.pointerId);
      hold(id);
    });
    for (const ending of ["pointerup", "pointercancel", "lostpointercapture", "blur"])
      button.addEventListener(ending, () => release(id));
    button.addEventListener("contextmenu", (event) => event.preventDefault());
    button.addEventListener("keydown", (event) => {
      if (event.key !== " " && event.key !== "Enter") return;
      event.preventDefault();
      if (!event.repeat) hold(id);
    });
    button.addEventListener("keyup", (event) => {
      if (event.key === " " || event.key === "Enter") release(id);
    });
  }
}

// What is known of the model, in words.
function inWords({ right, asked, alike, labels }) {
  const left = alike ? `${alike} more looked nearly the same and were left out. ` : "";
  if (!labels.length) return left;
  if (right === null)
    return `${left}How well it does is known once each class was shown in two turns.`;
  return `${left}Asked about turns that it had not seen, it was right on ${right} of ${asked}.`;
}
