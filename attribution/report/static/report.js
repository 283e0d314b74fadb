"use strict";
// Draws each chart over its still picture: fitted to the width of the screen, with tooltips, and with
// buttons that save it as an image. Without scripts, and on paper, the still pictures remain.
(() => {
  const specs = JSON.parse(document.getElementById("specs").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  // `ast`: expressions are interpreted, not compiled, because the page forbids making scripts of text
  const options = { actions: false, ast: true, renderer: "svg" };
  const night = { ink: "#E4E7EB", soft: "#B0BAC5", line: "#3A4654", card: "#1c242d" };

  function onScreen(spec, width) {
    const copy = structuredClone(spec);
    delete copy.title; // it stands above the chart as a heading
    copy.width = width;
    const { legendEntry = width, legendMargin = 0 } = copy.usermeta ?? {};
    for (const { encoding } of copy.layer ?? []) {
      for (const channel of [encoding.color, encoding.shape]) {
        if (channel?.legend) channel.legend.columns = Math.max(1, Math.floor((width - legendMargin) / legendEntry));
      }
    }
    copy.autosize = { type: "fit-x", contains: "padding" };
    copy.config.background = "transparent";
    copy.config.padding = 2;
    if (dark.matches) {
      Object.assign(copy.config.axis, { labelColor: night.ink, titleColor: night.soft, gridColor: night.line });
      Object.assign(copy.config.legend, { labelColor: night.ink });
      Object.assign(copy.config.text, { color: night.ink });
      Object.assign(copy.config.rule, { color: night.soft });
      const { node, step, halo, whisker } = copy.config.style ?? {}; // of graphs of steps, and of intervals
      if (node) Object.assign(node, { color: night.line, fill: night.line, stroke: night.soft });
      if (step) step.opacity = 1;
      if (halo) halo.stroke = night.card;
      if (whisker) whisker.color = night.ink;
    }
    return copy;
  }

  async function draw(figure) {
    const live = figure.querySelector(".live");
    if (figure.drawn) figure.drawn.finalize();
    live.hidden = false;
    figure.drawn = await vegaEmbed(live, onScreen(specs[figure.dataset.chart], live.clientWidth), {
      ...options,
      tooltip: { theme: dark.matches ? "dark" : "light" },
    });
    figure.classList.add("is-live");
    figure.querySelector(".save").hidden = false;
  }

  // What is saved is the whole chart, with its title and at one size, whatever the screen shows.
  async function save(figure, type) {
    const place = document.createElement("div");
    place.className = "offstage";
    document.body.append(place);
    const { view, finalize } = await vegaEmbed(place, specs[figure.dataset.chart], options);
    const link = document.createElement("a");
    link.href = await view.toImageURL(type, type === "png" ? 2 : 1);
    link.download = `${figure.dataset.chart}.${type}`;
    place.append(link);
    link.click();
    finalize();
    place.remove();
  }

  const figures = [...document.querySelectorAll("figure[data-chart]")];
  for (const figure of figures) {
    for (const button of figure.querySelectorAll("[data-save]")) {
      button.addEventListener("click", () => save(figure, button.dataset.save));
    }
  }
  const drawAll = () => Promise.all(figures.map(draw));
  dark.addEventListener("change", drawAll);
  let wide = window.innerWidth;
  let waiting;
  window.addEventListener("resize", () => {
    if (window.innerWidth === wide) return; // a phone's address bar comes and goes: only the height changed
    wide = window.innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(drawAll, 150);
  });
  drawAll().then(() => document.documentElement.setAttribute("data-ready", ""));
})();
