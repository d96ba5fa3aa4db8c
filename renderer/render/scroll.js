// Scrolls a list to its end, and collects the items that a windowed list removes.
async ({screens, item, patience}) => {
  const sleep = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds));
  // Chromium tells the page of a scroll in the next frame, which a busy machine draws late.
  const frame = () => Promise.race([new Promise(resolve => requestAnimationFrame(() => resolve())), sleep(5000)]);
  const scrolls = element => /auto|scroll|overlay/.test(getComputedStyle(element).overflowY)
    && element.scrollHeight > element.clientHeight + 1;
  const page = document.scrollingElement || document.documentElement;
  const present = () => item ? [...document.querySelectorAll(item)] : [];

  const findScroller = () => {
    for (let element = present()[0]?.parentElement; element && element !== page; element = element.parentElement) {
      if (scrolls(element)) return element;
    }
    if (item || page.scrollHeight > page.clientHeight + 1) return page;
    const area = element => element.clientWidth * element.clientHeight;
    return [...document.querySelectorAll('body *')].filter(scrolls).sort((a, b) => area(b) - area(a))[0] || page;
  };

  // Windowed lists reuse their elements, so the content of an element identifies an item.
  const collected = new Map();
  const collect = () => {
    for (const element of present()) {
      const copy = element.cloneNode(true);
      copy.removeAttribute('style');
      const key = copy.outerHTML;
      if (!collected.has(key)) collected.set(key, element.cloneNode(true));
    }
  };

  const scroller = findScroller();
  const isAtEnd = () => scroller.scrollTop + scroller.clientHeight >= scroller.scrollHeight - 2;
  let steps = 0, reachedEnd = false;
  collect();
  while (steps < screens && !reachedEnd) {
    steps += 1;
    const height = scroller.scrollHeight, seen = collected.size;
    scroller.scrollTop += Math.max(1, Math.floor(scroller.clientHeight * 0.9));
    await frame();
    await sleep(50);
    collect();
    // Count the pauses, not the clock: while Chromium gets no processor, the page's own timers stand still too.
    let patienceLeft = patience * 1000;
    while (isAtEnd() && scroller.scrollHeight <= height && collected.size === seen) {
      if (patienceLeft <= 0) { reachedEnd = true; break; }
      const start = performance.now();
      await sleep(50);
      patienceLeft -= Math.min(performance.now() - start, 100);
      collect();
    }
  }

  const last = present();
  if (collected.size > last.length && last.length) {
    const place = document.createComment('');
    last[0].before(place);
    for (const element of last) element.remove();
    place.replaceWith(...collected.values());
  }
  return {steps, items: collected.size, reached_end: reachedEnd};
}
