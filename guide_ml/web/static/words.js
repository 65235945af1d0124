// Technical words explain themselves: each is a button that shows its entry of the glossary.
import { byId, h } from "./dom.js";

let entries = null;
let pattern = null;

export async function load() {
  entries = new Map();
  try {
    const found = await (await fetch("/static/glossary.json")).json();
    for (const [word, text] of Object.entries(found.words)) entries.set(word.toLowerCase(), { word, text });
    const names = [...entries.keys()].sort((a, b) => b.length - a.length)
      .map((w) => w.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    pattern = new RegExp(`(?<![\\w-])(${names.join("|")})(?![\\w-])`, "gi");
  } catch { pattern = null; }
}

/** Text with its technical words as buttons; each word once. */
export function explained(text, seen = new Set()) {
  if (!pattern) return [text];
  const out = [];
  let at = 0;
  for (const match of text.matchAll(pattern)) {
    const key = match[0].toLowerCase();
    if (seen.has(key)) continue;
    seen.add(key);
    out.push(text.slice(at, match.index), term(match[0], entries.get(key).text));
    at = match.index + match[0].length;
  }
  out.push(text.slice(at));
  return out;
}

export function term(word, text) {
  return h("button", { type: "button", class: "term", "aria-expanded": "false",
    onclick: (event) => toggle(event.currentTarget, text) }, word);
}

function toggle(button, text) {
  const tip = byId("tip");
  const open = button.getAttribute("aria-expanded") === "true";
  hide();
  if (open) return;
  tip.textContent = text;
  tip.hidden = false;
  button.setAttribute("aria-expanded", "true");
  button.setAttribute("aria-describedby", "tip");
  const box = button.getBoundingClientRect();
  const left = Math.min(box.left, document.documentElement.clientWidth - tip.offsetWidth - 12);
  tip.style.left = `${Math.max(8, left + scrollX)}px`;
  tip.style.top = `${box.bottom + scrollY + 8}px`;
}

export function hide() {
  byId("tip").hidden = true;
  for (const one of document.querySelectorAll('.term[aria-expanded="true"]')) {
    one.setAttribute("aria-expanded", "false");
    one.removeAttribute("aria-describedby");
  }
}

document.addEventListener("keydown", (e) => { if (e.key === "Escape") hide(); });
document.addEventListener("click", (e) => { if (!e.target.closest(".term, #tip")) hide(); });
addEventListener("resize", hide);
