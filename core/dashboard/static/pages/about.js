// Which version this is, what it is made of, and what helps to find a fault.

import { get, post } from "../api.js";
import { clock, copyButton, h, replace, toast } from "../dom.js";

export const title = "About";

export async function mount(root, { guarded }) {
  const about = await get("about");
  const report = h("div.lines");
  const texts = h("div.lines");
  const updates = h("p", { role: "status" });
  const tell = (now) => replace(updates, ...updateWords(now, about.version));
  tell(about.updates);
  const look = (event) => {
    const button = event.currentTarget;
    button.disabled = true;
    return guarded(async () => tell(await post("updates")), toast).finally(() => (button.disabled = false));
  };
  const make = () =>
    guarded(async () => {
      const { text } = await get("diagnostics");
      const save = h("button", { type: "button", onclick: () => download(text) }, "Save…");
      replace(report, h("div.row", copyButton(() => text, "the report"), save), h("pre", { tabindex: "0", "aria-label": "The report" }, text));
    }, toast);
  const showTexts = () =>
    guarded(async () => {
      const { text } = await get("licences");
      replace(texts, h("pre", { tabindex: "0", "aria-label": "The licences" }, text));
    }, toast);
  root.append(
    h("div.page-head", h("h1", title)),
    h(
      "div.stack",
      h(
        "section.card.lines",
        { "aria-label": "Version" },
        h("div.row", h("img", { src: "/dashboard/icon.svg", alt: "", width: 40, height: 40 }), h("div", h("h2", `CLIProxyAPI ${about.version}`), h("p.quiet", "A community tool, not made or supported by Anthropic. MIT license."))),
      ),
      h(
        "section.card.lines",
        { "aria-label": "Updates" },
        h("h2", "Updates"),
        updates,
        h("p.quiet", about.updates.on ? "GitHub is asked once a day." : "Nobody is asked unless you click, or switch it on in the settings.", " Nothing is installed by itself."),
        h("div.row", h("button", { type: "button", onclick: look }, "Check for Updates")),
      ),
      h(
        "section.card.lines",
        { "aria-label": "Diagnostics" },
        h("h2", "Diagnostics"),
        h("p.quiet", "Versions, settings, states and the end of the log, for a report of a fault. Keys, tokens, e-mail addresses and your home's name are left out; read it before you share it."),
        h("div.row", h("button", { type: "button", onclick: make }, "Show the Report")),
        report,
      ),
      h(
        "section.card.flush",
        { "aria-label": "Packages" },
        h("div.card-head", h("h2", "Made of")),
        h("div.scroll", { tabindex: "0", role: "region", "aria-label": "Table of packages" }, h("table", h("thead", h("tr", h("th", "Package"), h("th", "Version"), h("th", "Licence"))), h("tbody", about.licences.map((item) => h("tr", h("td", item.name), h("td", item.version), h("td", item.licence)))))),
      ),
      h(
        "section.card.lines",
        { "aria-label": "Licences" },
        h("h2", "Licences"),
        h("p.quiet", "In full, of each package."),
        h("div.row", h("button", { type: "button", onclick: showTexts }, "Show the Licences")),
        texts,
      ),
    ),
  );
  return {};
}

function updateWords(updates, version) {
  if (updates.newer) {
    const link = h("a", { href: updates.newer.url, target: "_blank", rel: "noreferrer" }, "What is new, and the download");
    return [h("strong", `Version ${updates.newer.version} is out.`), " ", link];
  }
  if (updates.asked_at === null) return ["It is not known whether there is a newer version."];
  return [`Version ${version} was the newest at ${clock(updates.asked_at)}.`];
}

function download(text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/markdown" }));
  h("a", { href: url, download: "cliproxyapi-diagnostics.md" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
