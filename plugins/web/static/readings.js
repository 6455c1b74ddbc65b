/** Reading meters: what several panels need to know about them. */

/**
 * Voltages at a house's meter in per unit, one per phase; a single-phase meter has one.
 * @param {import("./live.js").Live} live
 * @param {import("./hub.js").House} house
 * @returns {{phase: string, pu: number}[]}
 */
export function phaseVoltages(live, house) {
  const found = [];
  for (const phase of ["", "a", "b", "c"]) {
    const reading = live.reading(house.device, phase ? `voltage_${phase}` : "voltage");
    if (reading) found.push({ phase: phase || house.phases[0] || "", pu: reading.value / house.nominal_v });
  }
  return found;
}
