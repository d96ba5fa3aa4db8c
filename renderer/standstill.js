// Empties the document it is in, for ``standstill.py``: listeners go, and what is asked of the network from then on is
// refused. A document that Chromium is told to put in place would be laid out and loaded as well, which takes longer.
// No page finds the function: it is a constant, which is no property of anything, and the name is a secret.
const EMPTY = (() => {
  const { Document, Element, Promise, Reflect: { apply } } = self, { getOwnPropertyDescriptor } = Object;
  const { createElement, open } = Document.prototype, { append, hasAttribute, setAttribute } = Element.prototype;
  const part = name => getOwnPropertyDescriptor(Document.prototype, name).get;
  const head = part('head'), root = part('documentElement');
  let isEmptied = false;

  // What is asked stays without an answer, so that a page which asks again when it fails does not do so for ever.
  const isAtRest = () => {
    if (isEmptied) return true;
    const html = apply(root, document, []);
    return html && apply(hasAttribute, html, ['AT_REST']);
  };
  self.fetch = new Proxy(self.fetch, {
    apply: (native, self, given) => isAtRest() ? new Promise(() => {}) : apply(native, self, given),
  });

  return () => {
    isEmptied = true;
    const policy = apply(createElement, document, ['meta']);
    apply(setAttribute, policy, ['http-equiv', 'Content-Security-Policy']);
    apply(setAttribute, policy, ['content', "POLICY"]);
    // It outlives the document's elements, and is there before the callbacks that some have for their removal.
    apply(append, apply(head, document, []), [policy]);
    apply(open, document, []);
    return apply(root, document, []) === null;
  };
})();
