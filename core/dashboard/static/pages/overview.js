// How it stands, at a glance.

import { clock, copyLine, duration, exactClock, glyph, h, live, meter, prose, whose } from "../dom.js";
import { post } from "../api.js";

export const title = "Overview";

export function mount(root, { guarded }) {
  const hero = h("section.card", { "aria-label": "State", "aria-live": "polite" });
  const notices = h("div.stack");
  const way = h("section.card", { "aria-label": "Way to Claude" });
  const limits = h("section.card", { "aria-label": "Plan limits" });
  const requests = h("section.card.flush", { "aria-label": "Requests" });
  root.append(
    h("h1", { class: "page-head" }, title),
    h("div.stack", hero, notices, h("div.columns", way, limits), requests),
  );

  const drawHero = live(hero, heroOf);
  const drawNotices = live(notices, (value) => noticesOf(value, guarded));
  const drawWay = live(way, wayOf);
  const drawLimits = live(limits, limitsOf);
  const list = requestList(requests);
  return {
    update(state, { lost = false } = {}) {
      drawHero({ headline: lost ? LOST : state?.headline });
      if (!state) return;
      const { needs_restart, refused_pages, billed_route, warnings } = state;
      drawNotices({ needs_restart, refused_pages, billed_route, warnings });
      notices.hidden = !notices.hasChildNodes();
      drawWay({ route: state.route_label, serving: state.serving_label, sign_in: state.sign_in });
      drawLimits({ limits: state.limits, problem: state.problem });
      list(state.requests);
    },
  };
}

const LOST = { state: "lost", line: "Not Connected", more: "The proxy does not answer. This page goes on by itself as soon as it does." };

function heroOf({ headline }) {
  const line = headline ?? { state: "starting", line: "Looking…" };
  return [
    h(
      `div.hero.${line.state}`,
      glyph(line.state),
      h("div.say", h("h2", line.line), line.more && h("p", line.more)),
      line.verb && h("div.act", h("a.button.main", { href: `/dashboard/${line.page}`, "data-key": "verb" }, line.verb)),
    ),
    copyLine(`${location.origin}/v1`, "the base URL"),
    h("p.small.quiet", "For OpenAI clients. Anthropic clients take it without /v1. Any API key will do, unless you set a local one."),
  ];
}

function noticesOf({ needs_restart, refused_pages, billed_route, warnings }, guarded) {
  const notices = [];
  if (needs_restart.length) notices.push(restartNotice(needs_restart, guarded));
  if (billed_route) notices.push(h("div.notice.warn", h("p", `Requests are now billed: ${billed_route} serves them, because your plan's route fell away.`)));
  for (const warning of warnings) notices.push(h("div.notice.warn", h("p", warning)));
  if (refused_pages.length) {
    notices.push(
      h("div.notice", h("p", `Turned away: ${refused_pages.slice(0, 3).join(", ")}. If a page is yours, add it under Settings, “Allowed web pages”.`)),
    );
  }
  return notices;
}

export function restartNotice(names, guarded) {
  const said = h("p.small");
  const restart = () =>
    guarded(async () => {
      await post("controls/restart");
      said.textContent = "The server starts anew. If its address changed, open the dashboard again from the icon or with cliproxyapi open.";
    }, (text) => (said.textContent = text));
  return h(
    "div.notice.warn.lines",
    h("p", `${names.join(" and ")} changed and counts once the server starts anew. Open answers end with an error.`),
    h("div.row", h("button", { type: "button", "data-key": "restart", onclick: restart }, "Restart Server")),
    said,
  );
}

const STATES = {
  signed_in: "Signed in",
  not_signed_in: "Not signed in",
  expired: "Expired, renews on next use",
  renewal_failed: "Expired, and could not be renewed",
  refused: "Not accepted by Claude",
  damaged: "Cannot be read",
  locked: "The keyring is locked",
  not_needed: "None needed",
};

function wayOf({ route, serving, sign_in }) {
  const facts = [["Route", route]];
  if (serving && serving !== route) facts.push(["Serving", serving]);
  if (sign_in) {
    const plan = whose(sign_in);
    facts.push(["Sign-in", STATES[sign_in.state] ?? sign_in.state]);
    if (plan) facts.push(["Account", plan]);
    if (sign_in.source) facts.push(["Source", sign_in.source]);
    if (sign_in.expires_at) facts.push(["Valid until", clock(sign_in.expires_at)]);
  }
  const missing = sign_in?.state === "not_signed_in" && sign_in.missing;
  return [
    h("div.card-head", h("h2", "Way to Claude"), h("a.small", { href: "/dashboard/account", "data-key": "change" }, "Change")),
    h("dl.facts", facts.map(([name, value]) => [h("dt", name), h("dd", value)])),
    missing && h("p.small.quiet.after-facts", prose(missing)),
  ];
}

const WINDOWS = { five_hour: "5 hours", seven_day: "Week" };

function limitsOf({ limits }) {
  const windows = limits?.windows ?? [];
  if (!windows.length) {
    return [
      h("div.card-head", h("h2", "Plan limits")),
      h("p.quiet", "Not known yet. Claude tells them with each answer to a plan's sign-in; an API key has none."),
    ];
  }
  return [
    h("div.card-head", h("h2", "Plan limits"), h("span.small.quiet", `as of ${clock(limits.at)}`)),
    windows.map((window) =>
      meter(WINDOWS[window.name], window.utilization, window.resets_at ? `resets ${clock(window.resets_at)}` : ""),
    ),
  ];
}

function requestList(root) {
  let notes = [];
  let onlyErrors = false;
  const body = h("div");
  const filter = h("input", { type: "checkbox", onchange: () => { onlyErrors = filter.checked; draw(); } });
  root.append(
    h("div.card-head", h("h2", "Last requests"), h("label.check.small", filter, "Errors only")),
    body,
  );
  const drawBody = live(body, (rows) => (rows.length ? table(rows) : h("p.empty", onlyErrors ? "No errors since the start." : "No requests since the start. Point a program at the address above.")));
  const draw = () => drawBody(onlyErrors ? notes.filter((note) => note.error) : notes);
  return (value) => {
    notes = value;
    draw();
  };
}

function table(notes) {
  return h(
    "div.scroll",
    h(
      "table",
      h("thead", h("tr", h("th", "Time"), h("th", "Model"), h("th.wide", "Route"), h("th", "Result"), h("th.number.wide", "Tokens in / out"), h("th.number.wide", "First byte"), h("th.number.wide", "Whole"))),
      h("tbody", notes.map(row)),
    ),
  );
}

function row(note) {
  const tokens = note.input_tokens === null ? "–" : `${note.input_tokens} / ${note.output_tokens ?? "–"}`;
  return h(
    "tr",
    h("td", timeOf(note.at)),
    h("td", note.model ?? "–", h("span.sub", note.path.replace(/^\/v1\//, ""))),
    h("td.wide", note.route ?? "–"),
    h("td", note.error ? h("span.tag.bad", `${note.status ?? "–"} ${note.error}`) : h("span.tag", String(note.status ?? "–")), h("span.sub.narrow", duration(note.total_ms))),
    h("td.number.wide", tokens),
    h("td.number.wide", duration(note.first_ms)),
    h("td.number.wide", duration(note.total_ms)),
  );
}

// On a narrow screen without the seconds.
function timeOf(seconds) {
  const [, minutes, rest] = /^(\d+\D\d+)(.*)$/.exec(exactClock(seconds)) ?? [null, exactClock(seconds), ""];
  return h("time", minutes, h("span.wide", rest));
}
