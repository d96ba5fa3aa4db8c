// Scrolls a list to its end, and collects the items that a windowed list removes.
async ({screens, item, end, patience, seconds}) => {
  const sleep = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds));
  // Chromium tells the page of a scroll in the next frame, which a busy machine draws late.
  const frame = () => Promise.race([new Promise(resolve => requestAnimationFrame(() => resolve())), sleep(5000)]);
  const scrolls = element => /auto|scroll|overlay/.test(getComputedStyle(element).overflowY)
    && element.scrollHeight > element.clientHeight + 1;
  const page = document.scrollingElement || document.documentElement;

  // An XPath begins with "/", "./" or "("; other selectors are CSS.
  const find = selector => {
    if (!/^[(]|^\.?\//.test(selector)) return [...document.querySelectorAll(selector)];
    const nodes = document.evaluate(selector, document, null, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE, null);
    return Array.from({length: nodes.snapshotLength}, (_, index) => nodes.snapshotItem(index));
  };
  for (const [argument, selector] of [['scroll_item', item], ['scroll_end', end]]) {
    try { if (selector) find(selector); } catch (error) { return {wrong: argument, why: error.message}; }
  }
  const present = () => item ? find(item).filter(node => node.nodeType === Node.ELEMENT_NODE) : [];

  const findScroller = () => {
    for (let element = present()[0]?.parentElement; element && element !== page; element = element.parentElement) {
      if (scrolls(element)) return element;
    }
    if (item || page.scrollHeight > page.clientHeight + 1) return page;
    const area = element => element.clientWidth * element.clientHeight;
    return [...document.querySelectorAll('body *')].filter(scrolls).sort((a, b) => area(b) - area(a))[0] || page;
  };

  // Windowed lists reuse their elements, so the text and the links of an element identify an item. Other attributes
  // change while a list scrolls, as those of a picture that loads when it is in sight.
  const keyOf = element => {
    const links = [element, ...element.querySelectorAll('[href]')].map(link => link.getAttribute('href') || '').join(' ');
    return element.textContent.trim() || links.trim() ? `${element.textContent}\n${links}` : element.outerHTML;
  };
  const collected = new Map();
  let largest = 0;
  const collect = () => {
    const elements = present();
    largest = Math.max(largest, elements.length);
    for (const element of elements) {
      const key = keyOf(element);
      if (!collected.has(key)) collected.set(key, element.cloneNode(true));
    }
  };
  const count = () => Math.max(largest, collected.size);

  const scroller = findScroller();
  const isAtEnd = () => scroller.scrollTop + scroller.clientHeight >= scroller.scrollHeight - 2;
  const limit = performance.now() + seconds * 1000;
  const isOver = () => performance.now() >= limit;
  const isThere = () => Boolean(end) && find(end).length > 0;
  let steps = 0, reachedEnd = isThere(), patienceLeft = patience * 1000;
  // Count the pauses, not the clock: while Chromium gets no processor, the page's own timers stand still too.
  const pause = async () => {
    const start = performance.now();
    await sleep(50);
    collect();
    reachedEnd = isThere();
    return Math.min(performance.now() - start, 100);
  };
  collect();
  while (steps < screens && !reachedEnd && patienceLeft >= 0 && !isOver()) {
    steps += 1;
    const height = scroller.scrollHeight, before = count();
    scroller.scrollTop += Math.max(1, Math.floor(scroller.clientHeight * 0.9));
    await frame();
    const waited = await pause();
    // A page may grow for ever without another item: a list that places its items below its last row, for example.
    if (item && scroller.scrollHeight > height) patienceLeft -= waited;
    while (!reachedEnd && patienceLeft >= 0 && isAtEnd() && scroller.scrollHeight <= height && count() === before
      && !isOver()) patienceLeft -= await pause();
    if (count() > before || !item && scroller.scrollHeight > height) patienceLeft = patience * 1000;
  }
  const isQuiet = patienceLeft < 0;

  const last = present();
  if (collected.size > last.length && last.length) {
    const place = document.createComment('');
    last[0].before(place);
    for (const element of last) element.remove();
    place.replaceWith(...collected.values());
  }
  return {steps, items: count(), reached_end: reachedEnd || isQuiet && !end};
}
