// Small helpers: elements without HTML text, numbers as people read them, requests with progress.

export function h(tag, attrs = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attrs)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node && typeof value !== "string" && name !== "list") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

export const byId = (id) => document.getElementById(id);

export function number(value, digits = 3) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (Math.abs(value) >= 10 ** digits || Number.isInteger(value)) return value.toLocaleString("en", { maximumFractionDigits: 0 });
  return value.toLocaleString("en", { maximumSignificantDigits: digits });
}

export class Problem extends Error {
  constructor(status, detail) { super(detail); this.status = status; }
}

const token = { get: () => sessionStorage.getItem("guide-token"), set: (t) => sessionStorage.setItem("guide-token", t) };
export { token };

function headers(more = {}) {
  const own = token.get() ? { Authorization: `Bearer ${token.get()}` } : {};
  return { "Content-Type": "application/json", ...own, ...more };
}

async function send(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "The service does not answer. See whether guide serve is still running, then try again.");
  }
}

async function failed(response) {
  let detail = `The service answered with status ${response.status}.`;
  try { detail = (await response.json()).detail || detail; } catch { /* keep the plain sentence */ }
  return new Problem(response.status, detail);
}

export async function get(path) {
  const response = await send(path, { headers: headers() });
  if (!response.ok) throw await failed(response);
  return response.json();
}

export async function post(path, body, signal) {
  const response = await send(path, { method: "POST", headers: headers(), body: JSON.stringify(body), signal });
  if (!response.ok) throw await failed(response);
  return response.json();
}

/** Post and follow the events: progress, then the result. */
export async function follow(path, body, told, signal) {
  const response = await send(path, {
    method: "POST", headers: headers({ Accept: "text/event-stream" }), body: JSON.stringify(body), signal,
  });
  if (!response.ok) throw await failed(response);
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    let part;
    try { part = await reader.read(); } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Problem(0, "The connection to the service broke. See whether guide serve is still running, then try again.");
    }
    if (part.done) break;
    rest += decoder.decode(part.value, { stream: true });
    const events = rest.split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const name = /^event: (.*)$/m.exec(event)?.[1];
      const data = JSON.parse(/^data: (.*)$/m.exec(event)?.[1] ?? "null");
      if (name === "progress") told(data);
      else if (name === "result") return data;
      else if (name === "problem") throw new Problem(data.status, data.detail);
    }
  }
  throw new Problem(0, "The connection to the service broke. See whether guide serve is still running, then try again.");
}

export function download(name, type, text) {
  const link = h("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  document.body.append(link);
  link.click();
  link.remove();
}

export async function copy(text, button) {
  const before = button.textContent;
  try { await navigator.clipboard.writeText(text); button.textContent = "Copied"; } catch {
    button.textContent = "Copying is not allowed here: select the text";
  }
  setTimeout(() => { button.textContent = before; }, 2000);
}
