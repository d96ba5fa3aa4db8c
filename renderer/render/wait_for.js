// Resolves when the selector matches, to the wanted value and whether the document was read to its end. If another
// document replaces this one, the promise is lost, and the renderer asks the new document.
new Promise((resolve, reject) => {
  OF_DOCUMENT
  const end = Date.now() + LIMIT, selector = SELECTOR, { clearTimeout, setTimeout } = self;
  const find = () => /^[(]|^\.?\//.test(selector)
    ? ofDocument('evaluate', [selector, document, null, XPathResult.ANY_UNORDERED_NODE_TYPE, null]).singleNodeValue
    : ofDocument('querySelector', [selector]);

  let reading;
  // Wait for the end of the document: a list that is half read has its first entry, but not the others. A script that
  // never comes must not hold the document for ever. Count the elements: to observe each costs 4 % of a heavy page.
  const read = before => {
    if (ofDocument('readyState') !== 'loading') return look();
    const elements = ofDocument('getElementsByTagName', ['*']).length, left = end - Date.now();
    if ((elements === before || left <= 0) && find()) finish();
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
    else observer.observe(document, { childList: true, subtree: true, attributes: true, characterData: true });
  };
  const observer = new MutationObserver(look);
  const finish = async () => {
    clearTimeout(reading);
    observer.disconnect();
    self.removeEventListener('readystatechange', look, true);
    try { resolve([TAKE, ofDocument('readyState') !== 'loading']); } catch (error) { reject(error); }
    await null;  // until the answer is sent
    if (ENDS && /\[native code\]/.test(Function.prototype.toString.call(stop))) stop();
  };
  find();  // throws at once if the selector is not valid
  look();
})
