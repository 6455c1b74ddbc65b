/** The one-line diagram: built once from the topology, then only its attributes change. */

import { setText, svg } from "../dom.js";
import { decimal, power } from "../format.js";
import { DEAD, level } from "../voltage-scale.js";
import { arrange } from "./layout.js";
import { SiteSigns } from "./sites.js";

const PHASES = ["a", "b", "c"];
/** Sizes in px: with numbers, and with signs alone where there is no room. */
const FULL = { pitchY: 100, boxW: 62, cellH: 14, numbers: true, chipStep: 15, left: 40, top: 44 };
const COMPACT = { pitchY: 66, boxW: 26, cellH: 9, numbers: false, chipStep: 14, left: 30, top: 30 };
const ROOM_FOR_NUMBERS = 112;
/** A long feeder's rows come closer, to about this height in px, but not closer than names allow. */
const TALL = 900;
const CLOSEST_Y = 54;
/** So wide is a letter of a bus's name at most, in px. */
const LETTER = 7;
/** Less than this share of the largest flow is shown as no flow. */
const STILL = 0.002;

export class Drawing {
  /**
   * @param {import("./model.js").Feeder} feeder @param {number} width px
   * @param {(id: string) => {name: string, site: string, pv: boolean, battery: boolean, ev: boolean}} house
   */
  constructor(feeder, width, house) {
    this._feeder = feeder;
    const { columns, rows, places, onGrid } = arrange(feeder.buses);
    const pitch = width / columns;
    this._m = onGrid && pitch >= ROOM_FOR_NUMBERS ? FULL : COMPACT;
    const m = this._m;
    const pitchY = m.numbers ? m.pitchY : Math.max(CLOSEST_Y, Math.min(m.pitchY, TALL / rows));
    const pitchX = Math.min((width - 2 * m.left - (m.numbers ? 60 : 20)) / Math.max(columns - 1, 1), 190);
    this._left =
      m.left + Math.max(0, (width - 2 * m.left - pitchX * (columns - 1) - (m.numbers ? 60 : 20)) / 2);
    this._at = (/** @type {string} */ bus) => {
      const [column, row] = places.get(bus) ?? [0, 0];
      return [this._left + column * pitchX, m.top + row * pitchY];
    };
    this._pitchX = pitchX;
    const height = m.top + (rows - 1) * pitchY + (m.numbers ? 76 : 40);
    /** @type {Map<number, {cell: any, text: any, sign: any}>} by place in the array of voltages */
    this._cells = new Map();
    /** @type {Map<string, {group: any, line: any, flow: any, arrow: any, label: any}>} */
    this._edges = new Map();
    /** @type {Map<string, any>} */
    this._taps = new Map();
    this._sites = new SiteSigns(feeder, m, this._at, width, house);
    this.element = svg(
      "svg",
      {
        class: `one-line ${m.numbers ? "full" : "compact"}`,
        viewBox: `0 0 ${Math.round(width)} ${Math.round(height)}`,
        width,
        height,
        role: "img",
      },
      feeder.edges.map((edge) => this._edge(edge)),
      feeder.buses.map((bus) => this._bus(bus, onGrid)),
      this._sites.elements,
    );
  }

  /** @param {import("./model.js").Edge} edge */
  _edge(edge) {
    const [[x1, y1], [x2, y2]] = [this._at(edge.from), this._at(edge.to)];
    const d = `M${x1} ${y1}L${x2} ${y2}`;
    const [mx, my] = [(x1 + x2) / 2, (y1 + y2) / 2];
    const angle = (Math.atan2(y2 - y1, x2 - x1) * 180) / Math.PI;
    const upright = Math.abs(y2 - y1) > Math.abs(x2 - x1);
    const aside = edge.kind === "line" ? 9 : 17;
    // Room for the name of the bus below.
    const symbolY = upright && edge.kind !== "line" ? my - 5 : my;
    const parts = {
      line: svg("path", { class: "wire", d }),
      flow: svg("path", { class: "flow", d }),
      arrow: svg("path", {
        class: "arrow",
        d: "M-4-5 5 0-4 5z",
        transform: `translate(${mx} ${my}) rotate(${angle})`,
      }),
      label: this._m.numbers
        ? svg("text", {
            class: "flow-label",
            x: upright ? mx - aside : mx,
            y: upright ? symbolY + 4 : my - 10,
            "text-anchor": upright ? "end" : "middle",
          })
        : null,
    };
    const group = svg(
      "g",
      { class: `edge ${edge.kind}` },
      svg("title", {}, `${edge.kind} ${edge.from} to ${edge.to}`),
      parts.line,
      parts.flow,
      this._symbol(edge, mx, symbolY, angle),
      edge.kind === "line" ? parts.arrow : null,
      parts.label,
    );
    this._edges.set(edge.key, { group, ...parts });
    return group;
  }

  /** @param {import("./model.js").Edge} edge @param {number} x @param {number} y @param {number} angle */
  _symbol(edge, x, y, angle) {
    const at = `translate(${x} ${y}) rotate(${angle})`;
    if (edge.kind === "switch")
      return svg("rect", { class: "symbol", x: -6, y: -6, width: 12, height: 12, rx: 2, transform: at });
    if (edge.kind !== "transformer" && edge.kind !== "regulator") return null;
    const coils = svg(
      "g",
      { class: "symbol", transform: at },
      svg("circle", { cx: -4.5, r: 8 }),
      svg("circle", { cx: 4.5, r: 8 }),
    );
    if (edge.kind === "transformer") return coils;
    return [
      coils,
      svg("path", {
        class: "symbol adjust",
        transform: `translate(${x} ${y})`,
        d: "M-12 12 13-13M13-13h-7M13-13v7",
      }),
      edge.regulators.map((name, i) => this._tap(name, x + 22, y - 10 + i * 13)),
    ];
  }

  /** @param {string} name @param {number} x @param {number} y */
  _tap(name, x, y) {
    const text = svg("text", { class: "tap", x, y });
    this._taps.set(name, text);
    return text;
  }

  /** @param {import("./model.js").Bus} bus @param {boolean} named */
  _bus(bus, named) {
    const m = this._m;
    const [x, y] = this._at(bus.name);
    const [w, top] = [m.boxW, y - 1.5 * m.cellH];
    // Before the box there is no arrow in the way; in the first column there may be no room.
    const width = LETTER * bus.name.length;
    const before = !m.numbers && x - 4 >= width;
    const fits = width <= this._pitchX + (before ? w / 2 : 0);
    return svg(
      "g",
      { class: "bus" },
      svg("title", {}, `Bus ${bus.name}`),
      svg("rect", {
        class: "box",
        x: x - w / 2 - 1.5,
        y: top - 1.5,
        width: w + 3,
        height: 3 * m.cellH + 3,
        rx: 4,
      }),
      bus.rows.map((row, i) => this._cell(row, i, x - w / 2, top + i * m.cellH)),
      named &&
        fits &&
        svg(
          "text",
          {
            class: "bus-name",
            x: before ? x - 4 : x - w / 2,
            y: top - 6,
            "text-anchor": before ? "end" : "start",
          },
          bus.name,
        ),
    );
  }

  /** @param {number | null} row @param {number} phase @param {number} x @param {number} y */
  _cell(row, phase, x, y) {
    const m = this._m;
    const cell = svg("rect", {
      class: row === null ? "cell none" : "cell",
      x,
      y,
      width: m.boxW,
      height: m.cellH,
    });
    if (row === null) return cell;
    const middle = y + m.cellH / 2 + (m.numbers ? 4 : 3);
    const text = m.numbers
      ? svg("text", { class: "cell-text", x: x + m.boxW - 5, y: middle, "text-anchor": "end" })
      : null;
    const sign = svg("text", {
      class: "cell-sign",
      x: m.numbers ? x + 16 : x + m.boxW / 2,
      y: middle,
      "text-anchor": m.numbers ? "start" : "middle",
    });
    this._cells.set(row, { cell, text, sign });
    return [
      cell,
      m.numbers ? svg("text", { class: "cell-phase", x: x + 5, y: middle }, PHASES[phase]) : null,
      sign,
      text,
    ];
  }

  /**
   * @param {any} state a FeederState
   * @param {(id: string) => import("./sites.js").SiteNow} siteNow
   */
  update(state, siteNow) {
    state.voltages_pu.forEach((/** @type {number} */ pu, /** @type {number} */ row) =>
      this._showVoltage(row, pu),
    );
    const flows = new Map(
      this._feeder.edges.map((edge) => [
        edge.key,
        edge.elements.reduce((sum, i) => sum + state.powers_w[i], 0),
      ]),
    );
    const most = Math.max(1, ...[...flows.values()].map(Math.abs));
    flows.forEach((watts, key) => this._showFlow(key, watts, most));
    this._showSwitches(state.voltages_pu);
    for (const [name, tap] of Object.entries(state.taps)) {
      setText(
        this._taps.get(name) ?? null,
        `${name.slice(-1)} ${tap > 0 ? "+" : ""}${decimal(Number(tap), 0)}`,
      );
    }
    this._sites.update(siteNow);
  }

  /** @param {number} row @param {number} pu */
  _showVoltage(row, pu) {
    const parts = this._cells.get(row);
    if (!parts) return;
    const { name, sign } = level(pu);
    parts.cell.setAttribute("class", `cell ${name}`);
    parts.sign.setAttribute("class", `cell-sign on-${name}`);
    setText(parts.sign, sign);
    if (parts.text) {
      parts.text.setAttribute("class", `cell-text on-${name}`);
      parts.text.previousSibling.previousSibling.setAttribute("class", `cell-phase on-${name}`);
      setText(parts.text, decimal(pu, 3));
    }
  }

  /** A switch with voltage on one side alone is open. @param {number[]} voltages */
  _showSwitches(voltages) {
    const live = new Map(
      this._feeder.buses.map((bus) => [
        bus.name,
        bus.rows.some((row) => row !== null && voltages[row] > DEAD),
      ]),
    );
    for (const edge of this._feeder.edges.filter(({ kind }) => kind === "switch")) {
      const open = live.get(edge.from) !== live.get(edge.to);
      const group = /** @type {any} */ (this._edges.get(edge.key)).group;
      group.setAttribute("class", `edge switch ${open ? "open" : "closed"}`);
      setText(group.firstElementChild, `switch ${edge.from} to ${edge.to}, ${open ? "open" : "closed"}`);
    }
  }

  /** @param {string} key @param {number} watts @param {number} most */
  _showFlow(key, watts, most) {
    const { line, flow, arrow, label } = /** @type {any} */ (this._edges.get(key));
    const share = Math.abs(watts) / most;
    const width = 1.6 + 6 * Math.sqrt(share);
    line.setAttribute("stroke-width", width.toFixed(1));
    flow.setAttribute("class", `flow ${share < STILL ? "still" : watts < 0 ? "reverse" : ""}`);
    flow.setAttribute("stroke-width", Math.max(1.4, width - 2.6).toFixed(1));
    arrow.setAttribute("class", `arrow ${share < STILL ? "still" : ""}`);
    arrow.setAttribute("d", watts < 0 ? "M4-5-5 0 4 5z" : "M-4-5 5 0-4 5z");
    setText(label, share < STILL ? "" : power(Math.abs(watts)));
  }
}
