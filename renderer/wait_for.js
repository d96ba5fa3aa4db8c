// Resolves when the selector matches, to what is to be taken then. A document that is replaced meanwhile loses its
// promise, and then the question is put to the new one.
new Promise((resolve, reject) => {
  const end = Date.now() + LIMIT, selector = SELECTOR, { clearTimeout, setTimeout } = self;
  const find = () => /^[(]|^\.?\//.test(selector)
    ? document.evaluate(selector, document, null, XPathResult.ANY_UNORDERED_NODE_TYPE, null).singleNodeValue
    : document.querySelector(selector);

  let stalled;
  const look = () => {
    clearTimeout(stalled);
    if (!find()) return;
    // Of a list that is just being read, the first entry would be found and the others lost. A script that never comes
    // must not hold it for ever, though.
    if (document.readyState === 'loading') stalled = setTimeout(finish, Math.max(0, Math.min(STALL, end - Date.now())));
    else finish();
  };
  const observer = new MutationObserver(look);
  const finish = async () => {
    clearTimeout(stalled);
    observer.disconnect();
    self.removeEventListener('readystatechange', look, true);
    try { resolve(TAKE); } catch (error) { reject(error); }
    await null;  // until the answer is on its way
    if (ENDS && /\[native code\]/.test(Function.prototype.toString.call(stop))) stop();
  };
  self.addEventListener('readystatechange', look, true);
  observer.observe(document, { childList: true, subtree: true, attributes: true, characterData: true });
  look();
})
