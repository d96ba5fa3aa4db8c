// Resolves when the selector matches, to the wanted value and whether the document was read to its end. If another
// document replaces this one, the promise is lost, and the renderer asks the new document.
new Promise((resolve, reject) => {
  OF_DOCUMENT
  const end = Date.now() + LIMIT, selector = SELECTOR, { clearTimeout, setTimeout } = self;
  const findIn = (read, root) => /^[(]|^\.?\//.test(selector)
    ? read('evaluate', [selector, root, null, XPathResult.ANY_UNORDERED_NODE_TYPE, null]).singleNodeValue
    : read('querySelector', [selector]);
  const find = () => findIn(ofDocument, document);

  let reading, polling;
  // Wait for the end of the document: a list that is half read has its first entry, but not the others. A script that
  // never comes must not hold the document for ever. Count the elements: to observe each costs 4 % of a heavy page.
  const read = before => {
    if (ofDocument('readyState') !== 'loading') return look();
    const elements = ofDocument('getElementsByTagName', ['*']).length, left = end - Date.now();
    if ((elements === before || left <= 0) && (find() || SHADOWS && isInShadowRoot())) finish();
    else reading = setTimeout(read, left > 0 ? Math.min(STALL, left) : STALL, elements);
  };
  const look = () => {
    clearTimeout(reading);
    if (ofDocument('readyState') === 'loading') {
      observer.disconnect();
      // Each time: a page that opens its document again (document.open) removes all listeners.
      self.addEventListener('readystatechange', look, true);
      read();
    } else if (find()) finish();
    else {
      observer.observe(document, { childList: true, subtree: true, attributes: true, characterData: true });
      if (SHADOWS && !polling) poll();
    }
  };
  // With shadow roots the element may also be in the page's HTML, which has them as <template> elements. A new shadow
  // root is no event, and a copy of the page costs time, so the copies take a fifth of it.
  const copyOf = (node, owner) => {
    const copy = owner.importNode(node, false);
    if (node.shadowRoot) {
      const inner = copy.appendChild(owner.createElement('template'));
      inner.setAttribute('shadowrootmode', 'open');
      for (const child of node.shadowRoot.childNodes) inner.appendChild(copyOf(child, owner));
    }
    for (const child of node.childNodes) copy.appendChild(copyOf(child, owner));
    return copy;
  };
  const isInShadowRoot = () => {
    const root = ofDocument('documentElement');
    const elements = ofDocument('getElementsByTagName', ['*']);
    if (!root || !Array.prototype.some.call(elements, node => node.shadowRoot)) return false;
    const owner = ofDocument('implementation').createHTMLDocument('');
    owner.replaceChild(copyOf(root, owner), owner.documentElement);
    return findIn(reader(Document, owner), owner);
  };
  const poll = () => {
    const begun = Date.now();
    if (begun > end || polling === null) return;
    if (ofDocument('readyState') !== 'loading' && isInShadowRoot()) finish();
    else polling = setTimeout(poll, Math.max(50, 4 * (Date.now() - begun)));
  };
  const observer = new MutationObserver(look);
  const finish = async () => {
    clearTimeout(reading);
    clearTimeout(polling);
    polling = null;
    observer.disconnect();
    self.removeEventListener('readystatechange', look, true);
    try { resolve([TAKE, ofDocument('readyState') !== 'loading']); } catch (error) { reject(error); }
    await null;  // until the answer is sent
    if (ENDS && /\[native code\]/.test(Function.prototype.toString.call(stop))) stop();
  };
  find();  // throws at once if the selector is not valid
  look();
})
