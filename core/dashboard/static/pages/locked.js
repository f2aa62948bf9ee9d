// Without a session: how to open the dashboard.

import { copyLine, h, replace } from "../dom.js";

export function mount(main, reason) {
  replace(
    main,
    h(
      "section.card.alone",
      h("div.row", h("img", { src: "/dashboard/icon.svg", alt: "", width: 32, height: 32 }), h("h1", "CLIProxyAPI runs here")),
      h("p", "Its dashboard opens with a link that is made for you, so that no other program on this machine can use it."),
      reason && h("div.notice.warn", { role: "alert" }, h("p", reason)),
      h("div", h("h2", "With its icon"), h("p.quiet", "Click it in the menu bar or panel, then Open Dashboard.")),
      h("div", h("h2", "From a terminal, or without an icon"), copyLine("cliproxyapi open", "the command")),
      h("p.small.quiet", "The link works once, for two minutes. This browser then stays signed in until the program ends."),
    ),
  );
}
