// How requests reach Claude, and with whose sign-in.

import { get, post } from "../api.js";
import { clock, confirmed, h, live, prose, toast, whose } from "../dom.js";

export const title = "Account";

export async function mount(root, { guarded }) {
  const page = accountParts(guarded);
  root.append(
    h("div.page-head", h("h1", title), h("p", "How requests reach Claude, and with whose sign-in.")),
    h("div.stack", page.progress, page.routes, page.signIns, page.terms),
  );
  await page.load();
  return { update: page.update };
}

/** The parts of this page; the first run shows the same. */
export function accountParts(guarded, { onChange = () => {}, firstRun = false } = {}) {
  const progress = h("section.card.progress", { "aria-label": "Sign-in under way", hidden: true });
  const routes = h("section.card", { "aria-label": "Route" });
  const signIns = h("section.card", { "aria-label": "Sign-ins" });
  const terms = h("section.card", { "aria-label": "What Anthropic says" });
  let ended = 0;

  const load = async () => draw(await get("account"));
  const drawRoutes = live(routes, (account) => routesOf(account, { guarded, draw, chosen: firstRun && account.nothing_preselected ? null : account.route }));
  const drawSignIns = live(signIns, (account) => signInsOf(account, { guarded, draw, load }));
  const drawTerms = live(terms, (account) => termsOf(account.terms));
  const drawProgress = live(progress, (value) => progressOf(value, guarded));

  function draw(account) {
    drawRoutes(account);
    drawSignIns(account);
    drawTerms(account);
    onChange(account);
  }

  function update(state) {
    const now = state?.progress;
    progress.hidden = !now || dismissed === now.number;
    if (!progress.hidden) drawProgress(now);
    if (now && now.state !== "running" && now.number !== ended) {
      ended = now.number;
      guarded(load, toast);
    }
  }
  return { progress, routes, signIns, terms, load, update };
}

// The number of the sign-in whose result the person has put away.
let dismissed = 0;

function routesOf(account, { guarded, draw, chosen }) {
  const said = h("p.small", { role: "alert" });
  const fixed = account.route_set_by;
  const choose = (option) => async () => {
    let consent = false;
    if (option.consent_needed) {
      consent = await confirmed({ title: "Use the Claude sign-in directly?", text: consentText(account.terms), yes: "Yes, Use It" });
      if (!consent) return drawAgain();
    }
    const changed = await guarded(() => post("account/route", { route: option.route, consent }), (text) => (said.textContent = text));
    if (changed) draw(changed);
    else drawAgain();
  };
  const list = h("fieldset", h("legend", { class: "small quiet" }, "The choice counts at once, for the next request."));
  const drawAgain = () => {
    for (const input of list.querySelectorAll("input")) input.checked = input.value === chosen;
  };
  for (const option of account.options) list.append(choiceOf(option, { chosen, off: Boolean(fixed) }, choose(option)));
  return [
    h("div.card-head", h("h2", "Route"), fixed && h("span.tag.warn", `set by ${fixed}`)),
    list,
    account.consent && agreed(guarded, draw),
    said,
  ];
}

function agreed(guarded, draw) {
  const withdraw = () => guarded(async () => draw(await post("account/consent", { yes: false })), toast);
  return h(
    "div.row.small",
    h("span.quiet", "You agreed that the Claude sign-in is used directly."),
    h("button.plain", { type: "button", "data-key": "withdraw", onclick: withdraw }, "Withdraw"),
  );
}

function choiceOf(option, { chosen, off }, choose) {
  const usable = ["signed_in", "expired", "not_needed"].includes(option.state) || option.consent_needed;
  const input = h("input", {
    type: "radio",
    name: "route",
    value: option.route,
    checked: chosen === option.route,
    disabled: off,
    "data-key": `route-${option.route}`,
    "aria-describedby": `about-${option.route}`,
    onchange: choose,
  });
  return h(
    off ? "label.choice.off" : "label.choice",
    input,
    h("span.name", option.label, stateTag(option)),
    h("p", { id: `about-${option.route}` }, `${option.what} ${option.billed}.`, !usable && option.missing ? [" ", prose(option.missing)] : ""),
  );
}

function stateTag(option) {
  if (option.route === "auto" || option.route === "demo") return null;
  const tags = {
    signed_in: ["on", "Ready"],
    not_needed: ["on", "Ready"],
    expired: ["on", "Renews on next use"],
    refused: ["bad", "Not accepted"],
    renewal_failed: ["bad", "Expired"],
    damaged: ["bad", "Cannot be read"],
    locked: ["warn", "Locked"],
  };
  const [look, text] = tags[option.state] ?? ["", "Not signed in"];
  return h("span.tag", { class: look }, text);
}

function consentText(terms) {
  return [h("p", terms.consent), h("p.small", terms.links.map(([text, url], place) => [place ? " · " : "", external(text, url)]))];
}

export function external(text, url) {
  return h("a", { href: url, target: "_blank", rel: "noreferrer noopener" }, text);
}

function signInsOf(account, { guarded, draw, load }) {
  const ready = account.options.filter((option) => option.source && option.state !== "not_signed_in");
  return [
    h("div.card-head", h("h2", "Sign-ins"), h("button.plain", { type: "button", "data-key": "check", onclick: () => guarded(async () => { draw(await post("account/check")); toast("Looked again."); }, toast) }, "Check Again")),
    ready.length > 0 &&
      h(
        "dl.facts",
        { class: "found" },
        ready.map((option) => [
          h("dt", option.label),
          h("dd", [whose(option), option.source].filter(Boolean).join(" · "), option.expires_at ? h("span.quiet", ` · valid until ${clock(option.expires_at)}`) : ""),
        ]),
      ),
    h("div", account.ways.map((way) => wayOf(way, guarded)), keyOf(account.api_key, guarded, load)),
    account.ignores_claude_login && ignored(guarded, load),
    h("div.way", h("p.small.quiet", "Signing out deletes what this program stored and leaves Claude Code's own files alone."), signOut(guarded, draw)),
  ];
}

function wayOf(way, guarded) {
  const said = h("p.small.whole", { role: "alert" });
  const start = async () => {
    if (way.warning && !(await confirmed({ title: way.label, text: way.warning, yes: "Go On" }))) return;
    await guarded(async () => {
      await post("account/sign-in", { kind: way.kind });
      said.textContent = "";
    }, (text) => (said.textContent = text));
  };
  return h(
    "div.way",
    h("div", h("h3", way.label), h("p.small.quiet", way.what), way.why_not && h("p.small", prose(way.why_not))),
    h("button", { type: "button", disabled: Boolean(way.why_not), "data-key": `way-${way.kind}`, onclick: start }, "Sign In…"),
    said,
  );
}

function keyOf(key, guarded, load) {
  const said = h("p.small.whole", { role: "alert" }, key.problem ?? "");
  const field = h("input", { type: "password", name: "key", autocomplete: "off", spellcheck: "false", placeholder: "sk-ant-…", "aria-label": "API key", "data-key": "key" });
  const store = async (event) => {
    event.preventDefault();
    const value = field.value;
    said.textContent = "Asking Claude whether it takes this key…";
    const stored = await guarded(() => post("account/api-key", { key: value }), (text) => (said.textContent = text));
    if (!stored) return;
    field.value = "";
    toast(`Claude accepts this key. It is stored in ${stored.place}.`);
    await guarded(load, toast);
  };
  const remove = async () => {
    if (!(await confirmed({ title: "Remove the API key?", text: `It is deleted from ${key.source}.`, yes: "Remove", danger: true }))) return;
    await guarded(async () => { await post("account/api-key/remove"); await load(); }, (text) => (said.textContent = text));
  };
  const where = key.source ? `Stored in ${key.source}.` : key.environment ? `${key.environment} is set, and is used where no other way is.` : "Anthropic's own way for any program. It is checked, then stored on this machine only.";
  return h(
    "div.way",
    h("div", h("h3", "API key"), h("p.small.quiet", where)),
    key.source && h("button", { type: "button", onclick: remove, "data-key": "remove-key" }, "Remove…"),
    h("form.row.whole", { onsubmit: store }, h("div.grow", field), h("button", { type: "submit" }, key.source ? "Replace" : "Store")),
    said,
  );
}

function ignored(guarded, load) {
  const use = () => guarded(async () => { await post("account/claude-login"); await load(); }, toast);
  return h("div.notice.row", h("p", "You signed out: the Claude sign-in that Claude Code stored is left alone."), h("button", { type: "button", onclick: use, "data-key": "use-again" }, "Use It Again"));
}

function signOut(guarded, draw) {
  const leave = async () => {
    const text = "The stored API key and sign-ins of this program are deleted, and the Claude sign-in is no longer used. Your programs get errors until you sign in again.";
    if (!(await confirmed({ title: "Sign out?", text, yes: "Sign Out", danger: true }))) return;
    await guarded(async () => { draw(await post("account/sign-out")); toast("Signed out."); }, toast);
  };
  return h("button.danger", { type: "button", onclick: leave, "data-key": "sign-out" }, "Sign Out…");
}

const RESULTS = { succeeded: "Signed in", failed: "The sign-in did not work", cancelled: "Cancelled", running: "Signing in…" };

function progressOf(now, guarded) {
  const running = now.state === "running";
  const code = h("input", { name: "code", autocomplete: "off", spellcheck: "false", "aria-label": "The code that the page shows", placeholder: "Paste the code", "data-key": "code" });
  const paste = (event) => {
    event.preventDefault();
    guarded(async () => { await post("account/code", { code: code.value }); code.value = ""; }, toast);
  };
  const close = (event) => {
    dismissed = now.number;
    event.target.closest("section").hidden = true;
  };
  return [
    h(
      "div.card-head",
      h("h2", { role: "status" }, RESULTS[now.state]),
      running
        ? h("button", { type: "button", "data-key": "cancel", onclick: () => guarded(() => post("account/cancel"), toast) }, "Cancel")
        : h("button.plain", { type: "button", "data-key": "close", onclick: close }, "Close"),
    ),
    now.message && h(now.state === "succeeded" ? "div.notice" : "div.notice.warn", h("p", prose(now.message))),
    running && now.url && h("p", "If no browser opened: ", external("open the sign-in page", now.url)),
    now.lines.length > 0 && h("ol", { "aria-label": "What happened so far", tabindex: "0" }, now.lines.map((line) => h("li", line))),
    running && now.wants_code && h("form.row", { onsubmit: paste }, h("div.grow", code), h("button.main", { type: "submit" }, "Send Code")),
  ];
}

function termsOf(terms) {
  return [
    h("h2", "What Anthropic says"),
    h("div.lines", h("p", terms.text), h("p.small.quiet", "Read the terms yourself: ", terms.links.map(([text, url], place) => [place ? " and " : "", external(text, url)]), `. ${terms.read}`)),
  ];
}

