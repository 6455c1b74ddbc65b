/** Light or dark: the system's wish, unless this browser was told otherwise. */

import { find } from "./dom.js";

const KEY = "hub-theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

function current() {
  return document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");
}

/** @returns {string | null} */
function stored() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // storage is blocked: follow the system
  }
}

/** Apply the stored choice and wire the button. @param {() => void} [changed] called after a change */
export function startTheme(changed = () => {}) {
  const choice = stored();
  if (choice === "light" || choice === "dark") document.documentElement.dataset.theme = choice;
  const button = find("#theme");
  const label = () => {
    const next = current() === "dark" ? "light" : "dark";
    button.setAttribute("aria-label", `Switch to ${next} colours`);
    button.textContent = current() === "dark" ? "☀" : "☾";
  };
  button.addEventListener("click", () => {
    const next = current() === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem(KEY, next);
    } catch {
      // nothing to keep it in
    }
    label();
    changed();
  });
  dark.addEventListener("change", () => {
    label();
    changed();
  });
  label();
}
