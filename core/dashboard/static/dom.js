// Building pages without HTML in strings: what comes from the server is always text.

const SVG = "http://www.w3.org/2000/svg";

/** An element: `h("p.quiet", {id: "x", onclick: f}, "text", child)`. */
export function h(kind, ...rest) {
  const [tag, ...classes] = kind.split(".");
  return filled(document.createElement(tag || "div"), classes, rest);
}

export function svg(kind, ...rest) {
  const [tag, ...classes] = kind.split(".");
  return filled(document.createElementNS(SVG, tag), classes, rest);
}

function filled(element, classes, rest) {
  if (classes.length) element.classList.add(...classes);
  const [first, ...others] = rest;
  const hasProps = first && typeof first === "object" && !(first instanceof Node) && !Array.isArray(first);
  if (hasProps) setAll(element, first);
  append(element, hasProps ? others : rest);
  return element;
}

function setAll(element, props) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.classList.add(...value.split(" ").filter(Boolean));
    else if (["value", "checked", "disabled", "open"].includes(name)) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
}

function append(element, children) {
  for (const child of children.flat(3)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
}

export function replace(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

/** A sentence of the program: what stands in backticks is code. */
export function prose(text) {
  return text.split("`").map((part, place) => (place % 2 ? h("code", part) : part));
}

/** A part of a page that is drawn again only when what it shows has changed; the focus stays where it was. */
export function live(element, draw) {
  let shown;
  return (value) => {
    const now = JSON.stringify(value ?? null);
    if (now === shown) return;
    shown = now;
    const focused = element.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
    replace(element, draw(value));
    if (focused) element.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  };
}

// Moments, as the clock on the wall shows them.

export function clock(seconds) {
  const moment = new Date(seconds * 1000);
  const time = moment.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (moment.toDateString() === new Date().toDateString()) return time;
  return `${moment.toLocaleDateString([], { weekday: "short", day: "numeric", month: "short" })}, ${time}`;
}

const SECONDS = { hour: "2-digit", minute: "2-digit", second: "2-digit" };

export function exactClock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString([], SECONDS);
}

export function duration(milliseconds) {
  if (milliseconds === null || milliseconds === undefined) return "–";
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

// States are told apart by shape, as in the tray.

const RING = () => svg("circle", { cx: 16, cy: 16, r: 12, fill: "none", stroke: "currentColor", "stroke-width": 3 });
const DISC = () => svg("circle", { cx: 16, cy: 16, r: 13.5, fill: "currentColor" });
const stroke = (d) =>
  svg("path", {
    d,
    fill: "none",
    stroke: "var(--surface)",
    "stroke-width": 2.8,
    "stroke-linecap": "round",
    "stroke-linejoin": "round",
  });
const ink = (d) =>
  svg("path", { d, fill: "none", stroke: "currentColor", "stroke-width": 3, "stroke-linecap": "round" });
const SHAPES = {
  running: () => [DISC(), stroke("M10 16.5l4 4 8-9")],
  sign_in: () => [
    DISC(),
    svg("circle", { cx: 12.4, cy: 16, r: 3.4, fill: "none", stroke: "var(--surface)", "stroke-width": 2.6 }),
    stroke("M16 16h8m-2.4 0v3.4"),
  ],
  refused: () => [DISC(), stroke("M9.5 16h13")],
  unreachable: () => [DISC(), stroke("M16 9.5l7 12h-14z")],
  limit: () => [DISC(), stroke("M16 9.5v6.8l4.6 2.8")],
  failed: () => [RING(), ink("M16 10v7.5m0 4.2v.2")],
  stopped: () => [RING()],
  starting: () => [RING(), ink("M10.6 16h.1m5.2 0h.2m5.2 0h.1")],
  lost: () => [RING(), ink("M10.6 16h.1m5.2 0h.2m5.2 0h.1")],
};

export function glyph(state) {
  return svg("svg.glyph", { viewBox: "0 0 32 32", "aria-hidden": "true" }, (SHAPES[state] ?? SHAPES.stopped)());
}

/** A bar with its figures as text beside it, for eyes and for screen readers. */
export function meter(label, share, note) {
  const percent = share === null || share === undefined ? null : Math.round(share * 100);
  const width = Math.max(0, Math.min(100, percent ?? 0));
  const level = percent === null ? "" : percent >= 100 ? "full" : percent >= 80 ? "high" : "";
  const bar = svg(
    "svg",
    { viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect.track", { width: 100, height: 8 }),
    svg("rect.fill", { width, height: 8 }),
  );
  const element = h(
    "div.meter",
    h("div.top", h("span", h("strong", label), percent === null ? "" : ` ${percent}%`), h("span.quiet.small", note)),
    bar,
  );
  if (level) element.classList.add(level);
  return element;
}

export function copyLine(text, what) {
  return h("div.copyline", h("code", text), copyButton(() => text, what));
}

export function copyButton(text, what) {
  const button = h("button", { type: "button", "aria-label": `Copy ${what}` }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed here";
    }
    setTimeout(() => (button.textContent = "Copy"), 1600);
  });
  return button;
}

const PLANS = { free: "Claude Free", pro: "Claude Pro", max: "Claude Max", team: "Claude Team", enterprise: "Claude Enterprise" };

/** Whose sign-in it is, as far as that is known. */
export function whose({ plan, account }) {
  return [plan && (PLANS[plan] ?? plan), account].filter(Boolean).join(" · ");
}

export function toast(text) {
  const line = h("p", text);
  document.getElementById("toasts").append(line);
  setTimeout(() => line.remove(), 5000);
}

/** Ask before something happens; true for a yes. */
export function confirmed({ title, text, yes, danger = false }) {
  return new Promise((resolve) => {
    const close = (answer) => {
      dialog.close();
      dialog.remove();
      resolve(answer);
    };
    const dialog = h(
      "dialog",
      { "aria-labelledby": "dialog-title", oncancel: () => close(false) },
      h("h2", { id: "dialog-title" }, title),
      [text].flat().map((part) => (part instanceof Node ? part : h("p", part))),
      h(
        "div.row",
        h("button", { type: "button", onclick: () => close(false) }, "Not Now"),
        h(danger ? "button.danger" : "button.main", { type: "button", onclick: () => close(true) }, yes),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}
