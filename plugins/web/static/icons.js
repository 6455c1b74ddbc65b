/** Small drawings, 24 x 24, in the colour of the text. */

import { svg } from "./dom.js";

/** @type {Record<string, string[]>} */
const PATHS = {
  home: ["M4 11.5 12 5l8 6.5", "M6 10v9h12v-9", "M10 19v-5h4v5"],
  business: ["M4 20V9l5 3V9l5 3V5h6v15z", "M17 9v0M17 13v0M17 17v0"],
  plant: ["M3 17 6 8h12l3 9z", "M12 8v9M4.5 12.500h15", "M12 17v3M8 20h8"],
  pv: [
    "M12 4v2M12 18v2M4 12h2M18 12h2M6.300 6.300l1.400 1.400M16.300 16.300l1.400 1.400M6.300 17.700l1.400-1.400M16.300 7.700l1.400-1.400",
    "M12 8.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7z",
  ],
  battery: ["M4 8h14v8H4z", "M20.500 10.500v3", "M8 10.500v3M12 10.500v3"],
  ev: ["M5 20V5h8v15", "M4 20h10", "M7 8h4v3H7z", "M13 12h2.500v4.500a1.500 1.500 0 0 0 3 0V9l-2-2"],
  outage: ["M13 4 7 13h4l-1 7 6-9h-4z", "M4 4l16 16"],
};

/** @param {string} name @param {Record<string, any>} [attributes] */
export function icon(name, attributes = {}) {
  const label = attributes["aria-label"];
  return svg(
    "svg",
    {
      viewBox: "0 0 24 24",
      width: 18,
      height: 18,
      fill: "none",
      stroke: "currentColor",
      "stroke-width": 1.7,
      "stroke-linecap": "round",
      "stroke-linejoin": "round",
      ...(label ? { role: "img" } : { "aria-hidden": "true" }),
      ...attributes,
    },
    (PATHS[name] ?? []).map((d) => svg("path", { d })),
  );
}

/** The paths alone, for use inside another drawing. @param {string} name */
export const iconPaths = (name) => (PATHS[name] ?? []).map((d) => svg("path", { d }));
