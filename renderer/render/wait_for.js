// Resolves when the selector matches, to what is to be taken then. A document that is replaced meanwhile loses its
// promise, and then the question is put to the new one.
new Promise((resolve, reject) => {
  const end = Date.now() + LIMIT, selector = SELECTOR, { clearTimeout, setTimeout } = self;
  const find = () => /^[(]|^\.?\//.test(selector)
    ? document.evaluate(selector, document, null, XPathResult.ANY_UNORDERED_NODE_TYPE, null).singleNodeValue
    : document.querySelector(selector);

  let reading;
  // Of a list that is just being read, the first entry would be found and the others lost. A script that never comes
  // must not hold it for ever, though. Elements are counted: to be told of each would be 4 % of a heavy page.
  const read = before => {
    if (document.readyState !== 'loading') return look();
    const elements = document.getElementsByTagName('*').length, left = end - Date.now();
    if ((elements === before || left <= 0) && find()) finish();
    else reading = setTimeout(read, left > 0 ? Math.min(STALL, left) : STALL, elements);
  };
  const look = () => {
    clearTimeout(reading);
    if (document.readyState === 'loading') {
      observer.disconnect();
      // Here, for a page that opens its document anew takes all listeners away.
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
    try { resolve(TAKE); } catch (error) { reject(error); }
    await null;  // until the answer is on its way
    if (ENDS && /\[native code\]/.test(Function.prototype.toString.call(stop))) stop();
  };
  find();  // what is no selector is refused at once
  look();
})
