// The catalogue's switch between light and dark, and its search. Everything else works without.
"use strict";

const root = document.documentElement;
const up = document.currentScript.dataset.up;
const THEME = "protonats-catalogue-theme";
const MOST = 40;
const KINDS = ["service", "method", "event", "message", "enum", "stream"];

function remembered() {
  try {
    return localStorage.getItem(THEME);
  } catch {
    return null; // storage is switched off
  }
}

function show(theme) {
  if (theme) root.dataset.theme = theme;
}

function isDark() {
  const chosen = root.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

show(remembered());

function setUpTheme(button) {
  const label = () => button.setAttribute("aria-pressed", String(isDark()));
  button.addEventListener("click", () => {
    const theme = isDark() ? "light" : "dark";
    show(theme);
    try {
      localStorage.setItem(THEME, theme);
    } catch {
      // storage is switched off: it holds for this page
    }
    label();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", label);
  addEventListener("storage", (event) => {
    if (event.key === THEME) show(event.newValue);
    label();
  });
  label();
}

// How well an entry fits: 0 is best, null is not at all. Every word has to be somewhere.
function rank(entry, words) {
  const name = entry.name.toLowerCase();
  let worst = 0;
  for (const word of words) {
    let fit;
    if (name === word) fit = 0;
    else if (name.startsWith(word)) fit = 1;
    else if (entry.parts.some((part) => part.startsWith(word))) fit = 2;
    else if (name.includes(word)) fit = 3;
    else if (entry.place.toLowerCase().includes(word)) fit = 4;
    else if (entry.words.some((one) => one.startsWith(word))) fit = 5;
    else if (entry.text.toLowerCase().includes(word)) fit = 6;
    else return null;
    worst = Math.max(worst, fit);
  }
  return worst;
}

function find(entries, query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return [];
  const found = [];
  for (const entry of entries) {
    const fit = rank(entry, words);
    if (fit !== null) found.push([fit, KINDS.indexOf(entry.kind), entry.name.length, entry]);
  }
  found.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
  return found.map((one) => one[3]);
}

function toEntry([kind, name, place, page, text]) {
  const parts = name.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+/g) ?? [];
  const words = text.toLowerCase().split(/[^\p{L}\p{N}]+/u);
  return { kind, name, place, page, text, words, parts: parts.map((part) => part.toLowerCase()) };
}

// The part of a text around the first of the words, with the words marked.
function excerpt(text, words) {
  const node = document.createElement("span");
  node.className = "note";
  const at = words.map((word) => text.toLowerCase().indexOf(word)).filter((index) => index >= 0);
  const start = Math.max(0, Math.min(...(at.length ? at : [0])) - 30);
  const part = (start ? "…" : "") + text.slice(start, start + 160);
  let rest = 0;
  const lower = part.toLowerCase();
  while (rest < part.length) {
    const next = words
      .map((word) => [lower.indexOf(word, rest), word.length])
      .filter(([index]) => index >= 0)
      .sort((a, b) => a[0] - b[0])[0];
    if (!next) break;
    node.append(part.slice(rest, next[0]));
    const mark = document.createElement("mark");
    mark.textContent = part.slice(next[0], next[0] + next[1]);
    node.append(mark);
    rest = next[0] + next[1];
  }
  node.append(part.slice(rest));
  return node;
}

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function setUpSearch(input, results) {
  let entries = null;
  let loading = false;
  let selected = -1;

  function load() {
    if (loading) return;
    loading = true;
    const script = document.createElement("script");
    script.src = `${up}search.js`;
    script.addEventListener("load", () => {
      entries = window.catalogueIndex.map(toEntry);
      update();
    });
    document.head.append(script);
  }

  function open(isOpen) {
    results.hidden = !isOpen;
    input.setAttribute("aria-expanded", String(isOpen));
    if (!isOpen) select(-1);
  }

  function select(index) {
    const options = results.querySelectorAll("a");
    options[selected]?.setAttribute("aria-selected", "false");
    selected = options.length ? Math.min(index, options.length - 1) : -1;
    const option = options[selected];
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    if (option) input.setAttribute("aria-activedescendant", option.id);
    else input.removeAttribute("aria-activedescendant");
  }

  function update() {
    if (!entries) return; // it is called again when they are there
    const query = input.value.trim();
    const found = find(entries, query);
    const words = query.toLowerCase().split(/\s+/);
    selected = -1;
    results.replaceChildren();
    found.slice(0, MOST).forEach((entry, index) => {
      const option = document.createElement("a");
      option.id = `result-${index}`;
      option.href = up + entry.page;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      option.tabIndex = -1;
      const heading = element("span", "", "");
      heading.append(element("b", "", entry.name), " ", element("span", "none", entry.place));
      const tag = element("span", `tag ${entry.kind}`, entry.kind);
      option.append(heading, tag, excerpt(entry.text, words));
      results.append(option);
    });
    if (query && !found.length) results.append(element("p", "", `Nothing found for “${query}”.`));
    if (found.length > MOST) {
      results.append(element("p", "", `${found.length - MOST} more: type another word.`));
    }
    open(Boolean(query));
    if (found.length) select(0);
  }

  input.addEventListener("focus", load);
  input.addEventListener("input", () => {
    load();
    update();
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") select(selected + 1);
    else if (event.key === "ArrowUp") select(Math.max(0, selected - 1));
    else if (event.key === "Enter") results.querySelectorAll("a")[selected]?.click();
    else if (event.key === "Escape") {
      open(false);
      input.blur();
    } else return;
    event.preventDefault();
  });
  results.addEventListener("click", (event) => {
    if (event.target.closest("a")) open(false);
  });
  addEventListener("pointerdown", (event) => {
    if (!event.target.closest(".search")) open(false);
  });
  addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      input.focus();
      input.select();
    }
  });
}

addEventListener("DOMContentLoaded", () => {
  setUpTheme(document.getElementById("theme"));
  setUpSearch(document.getElementById("search"), document.getElementById("results"));
});
