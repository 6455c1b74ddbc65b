/** A feeder's topology as a diagram needs it: buses, the branches between them, houses at their bus. */

const PHASES = ["a", "b", "c"];

/**
 * @typedef {{name: string, x: number, y: number, phases: number[], distanceM: number | null, rows: (number | null)[]}} Bus
 *   `rows[i]` is the place of phase i in the feeder's array of voltages, null without that phase
 * @typedef {{key: string, from: string, to: string, kind: "line" | "switch" | "transformer" | "regulator", regulators: string[], elements: number[]}} Edge
 * @typedef {{id: string, bus: string, phases: string}} Site
 * @typedef {{name: string, phases: string}} Switched
 * @typedef {{name: string, buses: Bus[], edges: Edge[], sites: Site[], regulators: any[], head: string, branches: Switched[], capacitors: Switched[]}} Feeder
 */

/** @param {any} topology the answer of /api/feeder @returns {Feeder} */
export function feederModel(topology) {
  /** @type {Map<string, string | null>} */
  const fedBy = new Map(topology.buses.map((/** @type {any} */ bus) => [bus.name, bus.fed_by]));
  /** @type {Set<string>} */
  const services = new Set();
  const sites = topology.houses.map((/** @type {any} */ house) => {
    // A service's own buses are drawn as the house itself.
    let bus = house.bus;
    const own = house.id.toLowerCase(); // as the solver writes all names
    while (bus && (bus === own || bus === `${own}_lv`)) {
      services.add(bus);
      bus = fedBy.get(bus);
    }
    return {
      id: house.id,
      bus,
      phases: house.phases.map((/** @type {number} */ p) => PHASES[p - 1]).join(""),
    };
  });
  const row = new Map(topology.nodes.map((/** @type {string} */ node, /** @type {number} */ i) => [node, i]));
  const buses = topology.buses
    .filter((/** @type {any} */ bus) => !services.has(bus.name))
    .map((/** @type {any} */ bus) => ({
      name: bus.name,
      x: bus.x,
      y: bus.y,
      phases: bus.phases,
      distanceM: bus.distance_m,
      rows: [1, 2, 3].map((phase) => row.get(`${bus.name}.${phase}`) ?? null),
    }));
  return {
    name: topology.name,
    buses,
    edges: edges(topology.branches, services),
    sites,
    regulators: topology.regulators,
    head: topology.head,
    branches: topology.branches
      .filter((/** @type {any} */ branch) => !services.has(branch.from) && !services.has(branch.to))
      .map(switched),
    capacitors: topology.capacitors.map(switched),
  };
}

/** What can be switched. @param {any} element @returns {Switched} */
const switched = ({ name, phases }) => ({
  name,
  phases: phases.map((/** @type {number} */ phase) => PHASES[phase - 1]).join(""),
});

/** Branches between the same two buses are one edge. @param {any[]} branches @param {Set<string>} services @returns {Edge[]} */
function edges(branches, services) {
  /** @type {Map<string, Edge>} */
  const found = new Map();
  for (const branch of branches) {
    if (services.has(branch.from) || services.has(branch.to)) continue;
    const key = `${branch.from} ${branch.to}`;
    /** @type {Edge} */
    const edge = found.get(key) ?? {
      key,
      from: branch.from,
      to: branch.to,
      kind: branch.kind,
      regulators: [],
      elements: [],
    };
    edge.elements.push(branch.element);
    if (branch.regulator) {
      edge.kind = "regulator";
      edge.regulators.push(branch.regulator);
    }
    found.set(key, edge);
  }
  return [...found.values()];
}
