/**
 * Places of buses on a grid. The feeder's own coordinates keep their order, so that an engineer
 * knows the drawing again, but empty space is taken out: columns (and rows) that lie close and hold
 * no two buses of one row (column) become one.
 */

/** Above this many buses a grid would be wider than any screen. */
const MOST_ON_GRID = 60;
/** Columns farther apart than this share of the whole are never merged. */
const FARTHEST_MERGED = 0.2;

/**
 * @param {{name: string, x: number, y: number}[]} buses y upwards
 * @returns {{columns: number, rows: number, places: Map<string, [number, number]>, onGrid: boolean}} column and row of each, rows downwards
 */
export function arrange(buses) {
  if (buses.length > MOST_ON_GRID) return proportional(buses);
  const rows = merge(buses.map((bus) => ({ at: -bus.y, other: bus.x })));
  const columns = merge(buses.map((bus, i) => ({ at: bus.x, other: rows[i] })));
  return {
    columns: Math.max(...columns) + 1,
    rows: Math.max(...rows) + 1,
    places: new Map(buses.map((bus, i) => [bus.name, [columns[i], rows[i]]])),
    onGrid: true,
  };
}

/**
 * Number the distinct positions, merging the closest first as long as nobody collides.
 * @param {{at: number, other: number}[]} points position on this axis and on the other
 * @returns {number[]} the number of each point
 */
function merge(points) {
  const span = Math.max(...points.map((p) => p.at)) - Math.min(...points.map((p) => p.at)) || 1;
  let groups = [...new Set(points.map((p) => p.at))]
    .sort((a, b) => a - b)
    .map((at) => ({
      low: at,
      high: at,
      others: new Set(points.filter((p) => p.at === at).map((p) => p.other)),
    }));
  for (;;) {
    const gaps = groups
      .slice(1)
      .map((group, i) => ({ i, gap: (group.low - groups[i].high) / span }))
      .filter(
        ({ i, gap }) =>
          gap < FARTHEST_MERGED && ![...groups[i].others].some((o) => groups[i + 1].others.has(o)),
      )
      .sort((a, b) => a.gap - b.gap);
    if (!gaps.length) break;
    const { i } = gaps[0];
    const [a, b] = [groups[i], groups[i + 1]];
    groups = [
      ...groups.slice(0, i),
      { low: a.low, high: b.high, others: new Set([...a.others, ...b.others]) },
      ...groups.slice(i + 2),
    ];
  }
  return points.map((p) => groups.findIndex((group) => p.at >= group.low && p.at <= group.high));
}

/** @param {{name: string, x: number, y: number}[]} buses */
function proportional(buses) {
  const range = (/** @type {number[]} */ values) => [
    Math.min(...values),
    Math.max(...values) - Math.min(...values) || 1,
  ];
  const [x0, width] = range(buses.map((bus) => bus.x));
  const [y0, height] = range(buses.map((bus) => bus.y));
  const columns = 24;
  const rows = 16;
  return {
    columns,
    rows,
    onGrid: false,
    places: new Map(
      buses.map(
        (bus) =>
          /** @type {[string, [number, number]]} */ ([
            bus.name,
            [((bus.x - x0) / width) * (columns - 1), (1 - (bus.y - y0) / height) * (rows - 1)],
          ]),
      ),
    ),
  };
}
