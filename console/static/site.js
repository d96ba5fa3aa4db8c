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

  // --- Event streams: the server sends the parts of the page again when something has changed ----------------------
  const AWAY = "The database does not answer. This page continues by itself.";
  const SILENT = "The console sends no new values. This page tries again by itself.";
  const AGAIN = 5000; // milliseconds until a stream that was refused is opened again

  function follow(element) {
    if (!element.dataset.stream || !window.EventSource) return;
    const notice = document.createElement("p");
    notice.className = "notice error";
    notice.setAttribute("role", "status");
    notice.hidden = true;
    element.before(notice);
    let source = null, again;

    function say(text) {
      if (notice.textContent !== text) notice.textContent = text;
      notice.hidden = !text;
    }
    function show(parts) {
      for (const [id, part] of Object.entries(parts)) {
        const target = document.getElementById(id);
        if (!target) continue;
        if (typeof part === "string") htmx.swap({ sourceElement: target, target, text: part, swap: "innerMorph" });
        else draw(target, part);
      }
    }
    function close() {
      clearTimeout(again);
      if (source) source.close();
      source = null;
    }
    // A hidden page has no stream. The first event of its next stream has all parts.
    function open() {
      close();
      if (document.hidden) return;
      source = new EventSource(element.dataset.stream);
      source.addEventListener("changed", (event) => { say(""); show(JSON.parse(event.data)); });
      source.addEventListener("away", () => say(AWAY));
      source.addEventListener("failed", () => say(SILENT));
      source.addEventListener("ended", () => { close(); location.reload(); });
      source.addEventListener("error", () => {
        if (notice.hidden) say(SILENT);
        // The browser connects again by itself, but not after an answer such as 503.
        if (source && source.readyState === EventSource.CLOSED) again = setTimeout(open, AGAIN);
      });
    }
    document.addEventListener("visibilitychange", () => { if (document.hidden) close(); else open(); });
    window.addEventListener("pagehide", close);
    window.addEventListener("pageshow", (event) => { if (event.persisted) open(); });
    open();
  }

  // --- Charts ------------------------------------------------------------------------------------------------------
  const charts = new Map();
  const colours = ["--live", "--good", "--bad", "--warn"];

  async function load(element) {
    try {
      const answer = await fetch(element.dataset.chart, { headers: { Accept: "application/json" } });
      if (answer.ok) draw(element, await answer.json());
    } catch {
      // The chart stays as it is.
    }
  }

  function draw(element, data) {
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
  for (const element of document.querySelectorAll("[data-chart]")) load(element);
  for (const element of document.querySelectorAll("[data-retry]")) {
    if (element.dataset.retry) setTimeout(() => location.reload(), Number(element.dataset.retry) * 1000);
  }
})();
