// What the pages do in the browser: times in the viewer's zone, event streams, charts, questions before a form is sent.
(() => {
  "use strict";
  const zone = document.body.dataset.timezone || undefined;

  function format(options) {
    try {
      return new Intl.DateTimeFormat(undefined, { ...options, timeZone: zone });
    } catch {
      return new Intl.DateTimeFormat(undefined, options);
    }
  }
  const long = format({ year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hour12: false });

  function localTimes(root) {
    for (const element of root.querySelectorAll("time[datetime]:not([data-local])")) {
      const at = new Date(element.dateTime);
      if (!isNaN(at)) {
        element.textContent = long.format(at);
        element.dataset.local = "";
      }
    }
  }

  // --- Event streams: the server says that something has changed, and htmx loads the part again --------------------
  const AWAY = "The database does not answer. This page continues by itself.";
  const SILENT = "The console sends no new values. This page tries again by itself.";
  const AGAIN = 5000; // milliseconds until a part that was refused, or a stream, is asked for again

  function follow(element) {
    if (!element.dataset.stream || !window.EventSource) return;
    const notice = document.createElement("p");
    notice.className = "notice error";
    notice.setAttribute("role", "status");
    notice.hidden = true;
    element.before(notice);
    let source, again, waiting = false, isLost = false, isRefused = false;

    function say(text) {
      if (notice.textContent !== text) notice.textContent = text;
      notice.hidden = !text;
    }
    function load() {
      if (waiting || document.hidden) { element.dataset.missed = ""; return; }
      waiting = true;
      htmx.trigger(element, "changed");
      for (const chart of document.querySelectorAll("[data-chart]")) draw(chart);
      setTimeout(() => { waiting = false; }, 500);
    }
    function open() {
      source = new EventSource(element.dataset.stream);
      source.addEventListener("changed", () => { say(""); load(); });
      source.addEventListener("away", () => say(AWAY));
      // A stream that is open again sends no event until something changes: the part is loaded now.
      source.addEventListener("open", () => { if (isLost) { isLost = false; say(""); load(); } });
      source.addEventListener("error", () => {
        isLost = true;
        if (notice.hidden) say(SILENT);
        // The browser connects again by itself, but not after an answer such as 503.
        if (source.readyState === EventSource.CLOSED) setTimeout(open, AGAIN);
      });
    }
    // The values stay when their part is refused, as while the database is away.
    document.addEventListener("htmx:before:response", (event) => {
      const status = event.detail.ctx.response.status, trigger = event.target.getAttribute("hx-trigger") || "";
      if (event.target !== element && !trigger.includes(`from:#${element.id}`)) return;
      if (status < 500) {
        if (isRefused && event.target === element) { isRefused = false; say(""); }
        return;
      }
      event.preventDefault();
      isRefused = true;
      if (notice.hidden) say(status === 503 ? AWAY : SILENT);
      clearTimeout(again);
      again = setTimeout(load, AGAIN);
    });
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && "missed" in element.dataset) {
        delete element.dataset.missed;
        htmx.trigger(element, "changed");
      }
    });
    window.addEventListener("pagehide", () => source.close());
    open();
  }

  // --- Charts ------------------------------------------------------------------------------------------------------
  const charts = new Map();
  const colours = ["--live", "--good", "--bad", "--warn"];

  async function draw(element) {
    let data;
    try {
      const answer = await fetch(element.dataset.chart, { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      data = await answer.json();
    } catch {
      return;
    }
    // The page names the series; without it the data do, as columns of "series".
    const series = data.series || data;
    const names = element.dataset.series ? element.dataset.series.split(",") : Object.keys(data.series || {});
    const columns = [data.at, ...names.map((name) => series[name])];
    if (!data.at || data.at.length < 2) {
      element.textContent = data.at && data.at.length ? "One value only so far." : "No values yet.";
      return;
    }
    const known = charts.get(element);
    if (known) { known.setData(columns); return; }
    element.textContent = "";
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--pico-color") || "#888";
    const grid = style.getPropertyValue("--pico-muted-border-color") || "#ccc";
    const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
    const chart = new uPlot({
      width: element.clientWidth || 600,
      height: 210,
      tzDate: zone ? (ts) => uPlot.tzDate(new Date(ts * 1000), zone) : undefined,
      series: [{}, ...names.map((name, i) => ({
        label: name, stroke: style.getPropertyValue(colours[i % colours.length]).trim() || "#07c", width: 2, points: { show: data.at.length < 60 },
      }))],
      axes: [axis, { ...axis, size: 70 }],
    }, columns, element);
    charts.set(element, chart);
    new ResizeObserver(() => chart.setSize({ width: element.clientWidth || 600, height: 210 })).observe(element);
  }

  // --- The log of a run stays at its last line, unless the viewer has scrolled up ----------------------------------
  function followLogs() {
    for (const log of document.querySelectorAll(".log")) {
      if (!("followed" in log.dataset)) {
        log.dataset.followed = "";
        log.addEventListener("scroll", () => { log.stays = log.scrollHeight - log.scrollTop - log.clientHeight > 40; });
      }
      if (!log.stays) log.scrollTop = log.scrollHeight;
    }
  }

  document.addEventListener("submit", (event) => {
    const question = event.target.dataset && event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  });
  document.addEventListener("htmx:after:swap", () => { localTimes(document); followLogs(); });
  localTimes(document);
  followLogs();
  for (const element of document.querySelectorAll("[data-stream]")) follow(element);
  for (const element of document.querySelectorAll("[data-chart]")) draw(element);
  for (const element of document.querySelectorAll("[data-retry]")) {
    if (element.dataset.retry) setTimeout(() => location.reload(), Number(element.dataset.retry) * 1000);
  }
})();
