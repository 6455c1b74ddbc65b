/** Building elements. Texts go in as text nodes only: a device name can never become markup. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @typedef {Node | string | number | null | undefined | false} Leaf
 * @typedef {Leaf | Leaf[] | Leaf[][] | Leaf[][][]} Child
 */

/**
 * Make an HTML element.
 * @param {string} tag
 * @param {Record<string, any>} [attributes] `on…` are listeners, `class`, `data-…` and the rest attributes
 * @param {...(Child | Child[])} children
 * @returns {any}
 */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/**
 * Make an SVG element.
 * @param {string} tag
 * @param {Record<string, any>} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {any}
 */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** @param {Element} element @param {Record<string, any>} attributes @param {any[]} children */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, String(value));
    }
  }
  element.append(...nodes(children));
  return element;
}

/** @param {any[]} children @returns {(Node | string)[]} */
function nodes(children) {
  return children
    .flat(Infinity)
    .filter((c) => c !== null && c !== undefined && c !== false)
    .map((c) => (c instanceof Node ? c : String(c)));
}

/**
 * Make an element hold this, changing only what differs: focus, selection and a click under way
 * stay. Kept elements keep their listeners, so content that changes is listened to by delegation,
 * see `on`.
 * @param {Element} element
 * @param {...(Child | Child[])} children
 */
export function show(element, ...children) {
  const next = document.createElement("template").content;
  next.append(...nodes(children));
  morphChildren(element, next);
}

/** @param {Node} before @param {Node} after */
function morphChildren(before, after) {
  const wanted = [...after.childNodes];
  while (before.childNodes.length > wanted.length) before.lastChild?.remove();
  wanted.forEach((node, i) => {
    const there = before.childNodes[i];
    if (!there) before.appendChild(node);
    else if (!isSameKind(there, node)) there.replaceWith(node);
    else if (there instanceof Element) morphElement(there, /** @type {Element} */ (node));
    else if (there.nodeValue !== node.nodeValue) there.nodeValue = node.nodeValue;
  });
}

/** @param {Node} a @param {Node} b */
function isSameKind(a, b) {
  if (a.nodeName !== b.nodeName) return false;
  return (
    !(a instanceof Element && b instanceof Element) ||
    a.getAttribute("data-key") === b.getAttribute("data-key")
  );
}

/** @param {Element} before @param {Element} after */
function morphElement(before, after) {
  // A copy: what is removed would move the next one out of sight.
  for (const { name } of Array.from(before.attributes)) {
    if (!after.hasAttribute(name)) before.removeAttribute(name);
  }
  for (const { name, value } of after.attributes) {
    if (before.getAttribute(name) !== value) before.setAttribute(name, value);
  }
  morphChildren(before, after);
}

/**
 * Listen to what happens to elements inside, present and future.
 * @param {Element} root @param {string} type @param {string} selector
 * @param {(element: HTMLElement, event: Event) => void} listener
 */
export function on(root, type, selector, listener) {
  root.addEventListener(type, (event) => {
    const element = event.target instanceof Element ? event.target.closest(selector) : null;
    if (element instanceof HTMLElement || element instanceof SVGElement) {
      if (root.contains(element)) listener(/** @type {HTMLElement} */ (element), event);
    }
  });
}

/** Set the text of an element if it differs. @param {Element | null} element @param {string} text */
export function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

/** Find one element that must be there. @param {string} selector @param {ParentNode} [root] @returns {any} */
export function find(selector, root = document) {
  const found = root.querySelector(selector);
  if (!found) throw new Error(`no element ${selector}`);
  return found;
}

/** What stands where data will be. */
export function skeleton() {
  return h("div", { class: "skeleton", "aria-hidden": "true" }, h("i"), h("i"), h("i"));
}

/** What stands where there is nothing. @param {string} title @param {string} [text] */
export function empty(title, text = "") {
  return h("div", { class: "empty" }, h("strong", {}, title), text);
}

/** Show a passing message. @param {string} text @param {"good" | "bad" | ""} [kind] */
export function toast(text, kind = "") {
  const box = find(".toasts");
  const note = h(
    "div",
    { class: `toast ${kind}` },
    h("span", {}, text),
    h("button", { class: "quiet small", "aria-label": "Close", onclick: () => note.remove() }, "✕"),
  );
  box.append(note);
  while (box.children.length > 4) box.firstElementChild.remove();
  setTimeout(() => note.remove(), kind === "bad" ? 12000 : 6000);
}
