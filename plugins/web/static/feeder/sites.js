/** The houses in the one-line diagram: at their bus, with what they take or give. */

import { setText, svg } from "../dom.js";
import { power } from "../format.js";
import { iconPaths } from "../icons.js";

/** So many signs fit below a bus; of more houses the last sign stands for the rest. */
const MOST = 3;
/** Sizes in px: of a letter, and of the sign before it. */
const LETTER = 6.5;
const SIGN = 17;
/** Buses closer than this have their signs side by side. */
const NEIGHBOURS = 160;
/** Letters of `12 more`, and of a power with the blank before it. */
const MORE_LETTERS = 7;
const POWER_LETTERS = 9;

/** @typedef {{site: string, name: string, watts: number | undefined, dead: boolean}} SiteNow */
/** @typedef {{numbers: boolean, boxW: number, cellH: number, chipStep: number}} Sizes */

export class SiteSigns {
  /**
   * @param {import("./model.js").Feeder} feeder @param {Sizes} sizes
   * @param {(bus: string) => number[]} at the middle of each bus @param {number} width px
   * @param {(id: string) => {name: string, site: string}} house
   */
  constructor(feeder, sizes, at, width, house) {
    this._sizes = sizes;
    this._at = at;
    this._width = width;
    this._house = house;
    /** @type {{ids: string[], group: any, text: any}[]} */
    this._signs = [];
    /** @type {Map<string, string[]>} */
    const ofBus = new Map();
    for (const { id, bus } of feeder.sites) ofBus.set(bus, [...(ofBus.get(bus) ?? []), id]);
    /** Where the signs of a bus begin. @type {Map<string, number>} */
    this._left = this._beginnings(feeder, [...ofBus.keys()]);
    this.elements = [...ofBus].flatMap(([bus, ids]) => {
      const alone = ids.length > MOST ? ids.slice(0, MOST - 1) : ids;
      const rest = ids.slice(alone.length);
      const groups = [...alone.map((id) => [id]), ...(rest.length ? [rest] : [])];
      return groups.map((each, place) => this._sign(bus, place, each));
    });
  }

  /**
   * At the left edge of the bus; right of the wire where one leads down, and where a neighbour's
   * signs had to go there.
   * @param {import("./model.js").Feeder} feeder @param {string[]} buses @returns {Map<string, number>}
   */
  _beginnings(feeder, buses) {
    const { boxW } = this._sizes;
    const aside = new Set();
    for (const { from, to } of feeder.edges) {
      const [[x1, y1], [x2, y2]] = [this._at(from), this._at(to)];
      if (Math.abs(x2 - x1) < boxW) aside.add(y1 < y2 ? from : to);
    }
    const placed = buses.map((bus) => ({ bus, x: this._at(bus)[0], y: this._at(bus)[1] }));
    placed.sort((a, b) => a.y - b.y || a.x - b.x);
    placed.forEach(({ bus, x, y }, i) => {
      const left = placed[i - 1];
      if (left && left.y === y && aside.has(left.bus) && x - left.x < NEIGHBOURS) aside.add(bus);
    });
    return new Map(placed.map(({ bus, x }) => [bus, aside.has(bus) ? x + 5 : x - boxW / 2]));
  }

  /** @param {string} bus @param {number} place @param {string[]} ids */
  _sign(bus, place, ids) {
    const { numbers, cellH, chipStep } = this._sizes;
    const [x, y] = this._at(bus);
    const below = y + 1.5 * cellH + (numbers ? 7 : 5);
    const { name, site } = this._house(ids[0]);
    const many = ids.length > 1;
    const length = SIGN + LETTER * ((many ? MORE_LETTERS : name.length) + POWER_LETTERS);
    const at = numbers
      ? [Math.min(this._left.get(bus) ?? x, this._width - length), below + place * chipStep]
      : [x + 4 + place * chipStep, below];
    const text = numbers || many ? svg("text", { x: numbers ? SIGN : 0, y: 11 }) : null;
    const icon = numbers || !many;
    const group = svg(
      "g",
      { class: "chip", transform: `translate(${at[0]} ${at[1]})` },
      svg("title", {}, name),
      icon ? svg("g", { class: "icon", transform: "scale(.58)" }, iconPaths(site)) : null,
      text,
    );
    this._signs.push({ ids, group, text });
    return group;
  }

  /** @param {(id: string) => SiteNow} siteNow */
  update(siteNow) {
    for (const { ids, group, text } of this._signs) {
      const sites = ids.map(siteNow);
      const dead = sites.filter((site) => site.dead).map(({ name }) => name);
      const known = sites.flatMap(({ watts }) => (watts === undefined ? [] : [watts]));
      const watts = known.length ? known.reduce((sum, each) => sum + each, 0) : undefined;
      group.setAttribute("class", `chip ${dead.length ? "dead" : (watts ?? 0) < -1 ? "exports" : ""}`);
      const title = group.firstElementChild;
      const now = power(watts);
      if (sites.length === 1) {
        const [{ name }] = sites;
        setText(title, `${name}: ${dead.length ? "no supply" : now}`);
        setText(text, `${name} ${dead.length ? "✕" : now}`);
      } else {
        const without = dead.length ? `; no supply: ${dead.join(", ")}` : "";
        setText(title, `${sites.length} more houses: ${now}${without}`);
        const number = `${sites.length} more ${dead.length ? `${dead.length} ✕` : now}`;
        setText(text, this._sizes.numbers ? number : `+${sites.length}`);
      }
    }
  }
}
