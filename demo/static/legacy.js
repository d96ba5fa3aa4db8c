// The same as app.js and views.js, for browsers without modules: only ES5, and only functions of a WebKit of 2016.
// Both must put the same elements on a page: change them together.

(function () {
  'use strict';

  var MONTHS = [
    'January', 'February', 'March', 'April', 'May', 'June',
    'July', 'August', 'September', 'October', 'November', 'December'
  ];
  var RATINGS = ['Zero', 'One', 'Two', 'Three', 'Four', 'Five'];
  var MARGIN = 200; // pixels above the bottom at which the script fetches more quotes

  var main = document.querySelector('main');
  var view = main.getAttribute('data-view');
  var source = main.getAttribute('data-source');

  // From rows to elements.

  function fill(parent, children) {
    (children || []).forEach(function (child) {
      parent.appendChild(typeof child === 'string' ? document.createTextNode(child) : child);
    });
    return parent;
  }

  function element(tag, attributes, children) {
    var made = document.createElement(tag);
    Object.keys(attributes).forEach(function (name) { made.setAttribute(name, attributes[name]); });
    return fill(made, children);
  }

  // The script adds all content of a page in one step, so a page with a part of it is complete.
  function show(children) {
    main.appendChild(fill(document.createDocumentFragment(), children));
  }

  function pounds(amount) {
    return /^\d+\.\d\d$/.test(amount) ? '£' + amount.replace(/\B(?=(\d{3})+\.)/g, ',') : amount;
  }

  function longDate(iso) {
    var parts = iso.slice(0, 10).split('-').map(Number);
    return parts[2] + ' ' + MONTHS[parts[1] - 1] + ' ' + parts[0];
  }

  // The new layout shows a price only after a click.
  function price(tag, amount) {
    if (main.getAttribute('data-layout') === 'new') {
      return element('data', {'class': 'offer', value: amount}, ['Show price']);
    }
    return element(tag, {'class': 'price'}, [pounds(amount)]);
  }

  function book(row) {
    return element('article', {'class': 'book', 'data-sku': row.sku}, [
      element('h3', {}, [element('a', {href: '/books/' + row.sku}, [row.title])]),
      price('p', row.price)
    ]);
  }

  function next(path, part) {
    if (part.page >= part.pages) { return []; }
    return [element('nav', {}, [element('a', {rel: 'next', href: path + '?page=' + (part.page + 1)}, ['next'])])];
  }

  function review(row) {
    return element('li', {'class': 'review'}, [
      element('span', {'class': 'reviewer'}, [row.reviewer]),
      ' ',
      element('span', {'class': 'stars'}, [row.stars + '/5']),
      element('p', {'class': 'body'}, [row.body]),
      element('time', {'class': 'posted', datetime: row.posted}, [longDate(row.posted)])
    ]);
  }

  function bookDetail(row) {
    var stock = row.stock > 0 ? 'In stock (' + row.stock + ' available)' : 'Out of stock';
    var stars = new Array(row.rating + 1).join('★');
    var rating = {
      'class': 'rating star-rating ' + RATINGS[row.rating],
      role: 'img',
      'aria-label': row.rating + ' out of 5 stars'
    };
    return element('article', {'class': 'book-detail', 'data-sku': row.sku}, [
      element('h1', {}, [row.title]),
      element('p', {'class': 'author'}, [row.author]),
      element('p', {'class': 'category'}, [row.category]),
      price('p', row.price),
      element('p', {'class': 'stock'}, [stock]),
      element('p', rating, [stars]),
      element('time', {'class': 'published'}, [longDate(row.published)])
    ].concat(
      row.description === null ? [] : [element('p', {'class': 'description'}, [row.description])],
      [element('ul', {'class': 'reviews'}, row.reviews.map(review))]
    ));
  }

  function quote(row) {
    var tags = row.tags === null ? [] : row.tags.split(', ');
    return element('blockquote', {'class': 'quote', 'data-id': row.quote_id}, [
      element('p', {'class': 'body'}, [row.body]),
      element('cite', {'class': 'author'}, [row.author]),
      element('p', {'class': 'tags'}, tags.map(function (tag) { return element('span', {'class': 'tag'}, [tag]); }))
    ]);
  }

  function entry(row) {
    return element('li', {'class': 'entry', 'data-sku': row.sku}, [
      element('span', {'class': 'title'}, [row.title]),
      ' ',
      price('span', row.price)
    ]);
  }

  function order(row) {
    var placed = longDate(row.placed_at) + ', ' + row.placed_at.slice(11, 16);
    return element('tr', {'class': 'order', 'data-number': row.number}, [
      element('td', {'class': 'number'}, [row.number]),
      element('td', {}, [element('time', {'class': 'placed-at', datetime: row.placed_at}, [placed])]),
      element('td', {'class': 'status'}, [row.status.charAt(0).toUpperCase() + row.status.slice(1)]),
      element('td', {'class': 'customer'}, [row.customer]),
      element('td', {'class': 'total'}, [pounds(row.total)]),
      element('td', {'class': 'note'}, [row.note === null ? '' : row.note])
    ]);
  }

  function orders(rows) {
    var names = ['Order', 'Placed', 'Status', 'Customer', 'Total', 'Note'];
    return element('table', {'class': 'orders'}, [
      element('thead', {}, [element('tr', {}, names.map(function (name) { return element('th', {}, [name]); }))]),
      element('tbody', {}, rows.map(order))
    ]);
  }

  // Pages.

  function read(address, done, ended) {
    var request = new XMLHttpRequest();
    request.open('GET', address);
    request.onloadend = function () {
      if (ended) { ended(); }
      if (request.status === 200) {
        done(JSON.parse(request.responseText));
      } else {
        show([element('p', {'class': 'failed', role: 'alert'}, [address + ' answered ' + request.status])]);
      }
    };
    request.send();
  }

  function showQuotes() {
    var page = 0, loading = false, ended = false;

    function more() {
      var bottom = document.documentElement.scrollHeight - MARGIN;
      if (loading || ended || window.pageYOffset + window.innerHeight < bottom) { return; }
      loading = true;
      read(source + '?page=' + (page + 1), function (part) {
        page = part.page;
        ended = page === part.pages;
        show(part.quotes.map(quote).concat(
          ended ? [element('p', {'class': 'the-end'}, ['That was the last one.'])] : []
        ));
        more(); // the batch may not fill the window, or the user may have scrolled meanwhile
      }, function () { loading = false; });
    }

    window.addEventListener('scroll', more);
    window.addEventListener('resize', more);
    more();
  }

  function showCatalogue() {
    var list = element('ul', {'class': 'entries'});
    var number = element('span', {'class': 'page-number'});
    var button = element('button', {'class': 'next', type: 'button'}, ['Next']);
    var page = 0, loading = false;

    function turn(turned) {
      if (loading) { return; }
      loading = true;
      read(source + '?page=' + (page + 1), function (part) {
        page = part.page;
        list.textContent = '';
        fill(list, part.books.map(entry));
        number.textContent = String(page);
        if (page === part.pages) { button.setAttribute('disabled', ''); }
        turned();
      }, function () { loading = false; });
    }

    button.addEventListener('click', function () { turn(function () {}); });
    turn(function () { show([list, element('p', {}, ['Page ', number, ' ', button])]); });
  }

  var shows = {
    books: function () {
      read(source, function (part) { show(part.books.map(book).concat(next('/books', part))); });
    },
    book: function () {
      read(source, function (row) { show([bookDetail(row)]); });
    },
    orders: function () {
      read(source, function (part) { show([orders(part.orders)].concat(next('/orders', part))); });
    },
    fresh: function () {
      read(source, function (part) {
        show([element('ul', {}, part.books.map(function (row) {
          return element('li', {'class': 'fresh'}, [row.title]);
        }))]);
      });
    },
    ready: function () {
      read(source, function (part) {
        show([element('p', {'class': 'ready'}, [part.books.length + ' books are ready'])]);
      });
    },
    quotes: showQuotes,
    catalogue: showCatalogue,
    never: function () {}
  };
  shows[view]();
}());
