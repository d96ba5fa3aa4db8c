// Fills a shell: data-view of <main> names what the page shows, data-source the URL of the rows.
// The script adds all content of a page in one step, so a page with a part of it is complete.

import * as views from "./views.js";

const main = document.querySelector("main");
const { view, source } = main.dataset;

async function read(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address} answered ${answer.status}`);
  return answer.json();
}

async function books() {
  const part = await read(source);
  main.append(...part.books.map(views.book), ...views.next("/books", part));
}

async function book() {
  main.append(views.bookDetail(await read(source)));
}

async function orders() {
  const part = await read(source);
  main.append(views.orders(part.orders), ...views.next("/orders", part));
}

async function fresh() {
  const { books: latest } = await read(source);
  main.append(views.element("ul", {}, ...latest.map(({ title }) => views.element("li", { class: "fresh" }, title))));
}

async function ready() {
  const { books: latest } = await read(source);
  main.append(views.element("p", { class: "ready" }, `${latest.length} books are ready`));
}

async function quotes() {
  const MARGIN = 200; // pixels above the bottom at which the script fetches more quotes
  let [page, loading, ended] = [0, false, false];

  async function more() {
    const bottom = document.documentElement.scrollHeight - MARGIN;
    if (loading || ended || window.pageYOffset + window.innerHeight < bottom) return;
    loading = true;
    try {
      const part = await read(`${source}?page=${page + 1}`);
      page = part.page;
      ended = page === part.pages;
      main.append(
        ...part.quotes.map(views.quote),
        ...(ended ? [views.element("p", { class: "the-end" }, "That was the last one.")] : []),
      );
    } finally {
      loading = false;
    }
    await more(); // the batch may not fill the window, or the user may have scrolled meanwhile
  }

  for (const event of ["scroll", "resize"]) window.addEventListener(event, () => more().catch(failed));
  await more();
}

async function catalogue() {
  const list = views.element("ul", { class: "entries" });
  const number = views.element("span", { class: "page-number" });
  const button = views.element("button", { class: "next", type: "button" }, "Next");
  let [page, loading] = [0, false];

  async function turn() {
    if (loading) return;
    loading = true;
    try {
      const part = await read(`${source}?page=${page + 1}`);
      page = part.page;
      list.replaceChildren(...part.books.map(views.entry));
      number.textContent = String(page);
      button.toggleAttribute("disabled", page === part.pages);
    } finally {
      loading = false;
    }
  }

  button.addEventListener("click", () => turn().catch(failed));
  await turn();
  main.append(list, views.element("p", {}, "Page ", number, " ", button));
}

async function never() {}

function failed(error) {
  main.append(views.element("p", { class: "failed", role: "alert" }, error.message));
}

const shows = { books, book, orders, fresh, ready, quotes, catalogue, never };
shows[view]().catch(failed);
