// Runs a program to its end, unless it takes too long or too much memory: then it is ended with all it started.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

const pollMs = 250;
const pageBytes = 4096;

/** Ids of the running groups: whoever ends us ends them. */
const running = new Set();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    for (const pid of running) killGroup(pid);
    process.exit(130);
  });
}

function killGroup(pid) {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has just ended.
  }
}

/** A process and all that it started, directly or not. Empty where the system has no /proc. */
function family(pid) {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
    return [pid, ...children.split(" ").filter(Boolean).flatMap((child) => family(Number(child)))];
  } catch {
    return [];
  }
}

function residentBytes(pid) {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * pageBytes;
  } catch {
    return 0; // ended meanwhile
  }
}

/**
 * @param options.seconds The longest it may take.
 * @param options.megabytes The most resident memory that it and its children may hold together; not watched where the
 *   system has no /proc.
 * @returns {Promise<{passed: boolean, ended: null | "too long" | "too much memory", output: string, peakMegabytes: number,
 *   seconds: number}>}
 */
export function runBounded(command, args, { seconds, megabytes, ...options }) {
  return new Promise((resolve, reject) => {
    const startedAt = Date.now();
    // A group of its own, so that it can be ended as a whole.
    const child = spawn(command, args, { ...options, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    if (child.pid !== undefined) running.add(child.pid);
    let output = "";
    let peakBytes = 0;
    let ended = null;
    const elapsed = () => (Date.now() - startedAt) / 1000;
    const end = (reason) => {
      if (ended !== null || !running.has(child.pid)) return;
      ended = reason;
      killGroup(child.pid);
    };
    const watch = setInterval(() => {
      const bytes = family(child.pid).reduce((sum, pid) => sum + residentBytes(pid), 0);
      peakBytes = Math.max(peakBytes, bytes);
      if (bytes > megabytes * 2 ** 20) end("too much memory");
      else if (elapsed() > seconds) end("too long");
    }, pollMs);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text) => (output += text));
    }
    child.on("error", (error) => {
      clearInterval(watch);
      reject(error);
    });
    child.on("close", (code) => {
      clearInterval(watch);
      running.delete(child.pid);
      const peakMegabytes = Math.round(peakBytes / 2 ** 20);
      resolve({ passed: code === 0, ended, output, peakMegabytes, seconds: elapsed() });
    });
  });
}
