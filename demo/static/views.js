// The elements of each kind of row. Data becomes text and attributes, never markup.
// legacy.js makes the same elements for browsers without modules: change both together.

const MONTHS = [
  "January", "February", "March", "April", "May", "June",
  "July", "August", "September", "October", "November", "December",
];
const RATINGS = ["Zero", "One", "Two", "Three", "Four", "Five"];

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const pounds = (amount) =>
  /^\d+\.\d\d$/.test(amount) ? `£${amount.replace(/\B(?=(\d{3})+\.)/g, ",")}` : amount;

const longDate = (iso) => {
  const [year, month, day] = iso.slice(0, 10).split("-").map(Number);
  return `${day} ${MONTHS[month - 1]} ${year}`;
};

// The new layout shows a price only after a click.
const price = (tag, amount) =>
  document.querySelector("main").dataset.layout === "new"
    ? element("data", { class: "offer", value: amount }, "Show price")
    : element(tag, { class: "price" }, pounds(amount));

export const book = ({ sku, title, price: amount }) =>
  element(
    "article", { class: "book", "data-sku": sku },
    element("h3", {}, element("a", { href: `/books/${sku}` }, title)),
    price("p", amount),
  );

export const next = (path, { page, pages }) =>
  page < pages ? [element("nav", {}, element("a", { rel: "next", href: `${path}?page=${page + 1}` }, "next"))] : [];

const review = ({ reviewer, stars, body, posted }) =>
  element(
    "li", { class: "review" },
    element("span", { class: "reviewer" }, reviewer),
    " ",
    element("span", { class: "stars" }, `${stars}/5`),
    element("p", { class: "body" }, body),
    element("time", { class: "posted", datetime: posted }, longDate(posted)),
  );

export const bookDetail = (row) =>
  element(
    "article", { class: "book-detail", "data-sku": row.sku },
    element("h1", {}, row.title),
    element("p", { class: "author" }, row.author),
    element("p", { class: "category" }, row.category),
    price("p", row.price),
    element("p", { class: "stock" }, row.stock > 0 ? `In stock (${row.stock} available)` : "Out of stock"),
    element(
      "p",
      { class: `rating star-rating ${RATINGS[row.rating]}`, role: "img", "aria-label": `${row.rating} out of 5 stars` },
      "★".repeat(row.rating),
    ),
    element("time", { class: "published" }, longDate(row.published)),
    ...(row.description === null ? [] : [element("p", { class: "description" }, row.description)]),
    element("ul", { class: "reviews" }, ...row.reviews.map(review)),
  );

export const quote = ({ quote_id: id, body, author, tags }) =>
  element(
    "blockquote", { class: "quote", "data-id": id },
    element("p", { class: "body" }, body),
    element("cite", { class: "author" }, author),
    element("p", { class: "tags" }, ...(tags?.split(", ") ?? []).map((tag) => element("span", { class: "tag" }, tag))),
  );

export const entry = ({ sku, title, price: amount }) =>
  element(
    "li", { class: "entry", "data-sku": sku },
    element("span", { class: "title" }, title),
    " ",
    price("span", amount),
  );

export const orders = (rows) =>
  element(
    "table", { class: "orders" },
    element("thead", {}, element(
      "tr", {}, ...["Order", "Placed", "Status", "Customer", "Total", "Note"].map((name) => element("th", {}, name)),
    )),
    element("tbody", {}, ...rows.map(order)),
  );

const order = (row) =>
  element(
    "tr", { class: "order", "data-number": row.number },
    element("td", { class: "number" }, row.number),
    element("td", {}, element(
      "time", { class: "placed-at", datetime: row.placed_at },
      `${longDate(row.placed_at)}, ${row.placed_at.slice(11, 16)}`,
    )),
    element("td", { class: "status" }, row.status[0].toUpperCase() + row.status.slice(1)),
    element("td", { class: "customer" }, row.customer),
    element("td", { class: "total" }, pounds(row.total)),
    element("td", { class: "note" }, row.note ?? ""),
  );
