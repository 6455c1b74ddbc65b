/** Asking the hub over HTTP. */

export class ApiError extends Error {
  /** @param {string} message @param {number} status */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** @param {string} path @param {RequestInit} [options] */
async function ask(path, options = {}) {
  const signal = AbortSignal.timeout(15000);
  const response = await fetch(path, {
    ...options,
    signal,
    headers: { accept: "application/json", ...options.headers },
  });
  if (response.status === 401) {
    location.assign("/login");
    throw new ApiError("logged out", 401);
  }
  const isJson = response.headers.get("content-type")?.includes("json");
  const body = isJson ? await response.json() : { error: await response.text() };
  if (!response.ok)
    throw new ApiError(body.error || body.reason || `the hub answered ${response.status}`, response.status);
  return body;
}

/** @param {string} path @returns {Promise<any>} */
export const get = (path) => ask(path);

/** @param {string} path @param {unknown} [body] @returns {Promise<any>} */
export const post = (path, body = {}) =>
  ask(path, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } });

/**
 * Have a command carried out; throws with the reason if it is not.
 * @param {string} target @param {string} action @param {Record<string, unknown>} [args]
 * @returns {Promise<any>} the figures of the answer
 */
export async function command(target, action, args = {}) {
  return (await post("/api/command", { target, action, args })).data;
}
