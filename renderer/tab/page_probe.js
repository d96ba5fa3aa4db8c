// Says when a page first uses what only a drawn page has, or what may outlive its document; and that it is not drawn
// stays unseen. A window that Chromium never opens carries the word: the renderer hears of it, and no page can
// keep it from that or say it itself.
(() => {
  const { open, Reflect: { apply, construct } } = self, { defineProperty, getOwnPropertyDescriptor } = Object;

  // Puts a Proxy in the place of functions of the browser's, for it still says that it is one of those.
  const replace = (owner, part, names, handler, replaced) => {
    if (!owner) return;
    for (const name of names) {
      const descriptor = getOwnPropertyDescriptor(owner, name), native = descriptor?.[part];
      if (!native || !descriptor.configurable) continue;
      const proxy = descriptor[part] = new Proxy(native, handler);
      defineProperty(owner, name, descriptor);
      replaced?.push({ owner, name, part, native, proxy });
    }
  };

  // All functions of a word share what they do: this runs in every document, for most of them in vain.
  const watch = (word, ...functions) => {
    let told = false;
    const watched = [];
    const tell = () => {
      if (told) return;
      told = true;
      // First of all, and with nothing on the way that a page could have replaced.
      apply(open, self, [`about:blank#TOKEN-${word}`]);
      for (let n = 0; n < watched.length; n++) {
        const { owner, name, part, native, proxy } = watched[n], descriptor = getOwnPropertyDescriptor(owner, name);
        if (descriptor?.[part] !== proxy) continue;
        descriptor[part] = native;
        defineProperty(owner, name, descriptor);
      }
    };
    const handler = {
      apply: (native, self, given) => { tell(); return apply(native, self, given); },
      construct: (native, given, target) => {
        tell();
        for (let n = 0; n < watched.length; n++) if (watched[n].proxy === target) target = watched[n].native;
        return construct(native, given, target);
      },
    };
    for (const [owner, part, ...names] of functions) replace(owner, part, names, handler, watched);
  };
  // To name an interface is to make Chromium build it, so that there are no more of them here than needed.
  const { Document, Element, Navigator, Promise } = self;
  // Chromium stores a script's cookie, and asks for the page to which the script goes at once, by different ways: the
  // request may be first, without the cookie. A look at the cookies comes back when it is stored.
  const cookies = getOwnPropertyDescriptor(Document.prototype, 'cookie').get;
  replace(Document.prototype, 'set', ['cookie'], {
    apply: (native, document, given) => { apply(native, document, given); apply(cookies, document, []); },
  });

  watch('frames', [self, 'value', 'requestAnimationFrame', 'requestIdleCallback'],
    [self.IntersectionObserver?.prototype, 'value', 'observe'], [self.ResizeObserver?.prototype, 'value', 'observe'],
    [Element.prototype, 'value', 'animate'], [Document.prototype, 'value', 'startViewTransition']);
  watch('lasting', [self, 'value', 'Worker', 'SharedWorker', 'WebSocket', 'webkitRequestFileSystem'],
    [self, 'get', 'localStorage', 'sessionStorage', 'indexedDB', 'caches', 'cookieStore', 'sharedStorage'],
    [self, 'set', 'name'], [Document.prototype, 'set', 'cookie'],
    [Navigator?.prototype, 'get', 'serviceWorker', 'storage', 'storageBuckets', 'locks']);

  // In a document at rest what is asked stays without an answer, so that a page which asks again when it fails does
  // not do so for ever.
  const root = getOwnPropertyDescriptor(Document.prototype, 'documentElement').get, { hasAttribute } = Element.prototype;
  const isAtRest = () => {
    const html = apply(root, document, []);
    return html && apply(hasAttribute, html, ['rest-TOKEN']);
  };
  replace(self, 'value', ['fetch'], {
    apply: (native, self, given) => isAtRest() ? new Promise(() => {}) : apply(native, self, given),
  });

  const shows = shown => ({ apply: (native, self) => { apply(native, self, []); return shown; } });
  replace(Document.prototype, 'get', ['hidden', 'webkitHidden'], shows(false));
  replace(Document.prototype, 'get', ['visibilityState', 'webkitVisibilityState'], shows('visible'));
  const swallow = event => { if (event.isTrusted) event.stopImmediatePropagation(); };
  // Not its opposite, "resume": that comes before the scripts of the document which takes a frozen one's place.
  for (const kind of ['visibilitychange', 'webkitvisibilitychange', 'freeze']) self.addEventListener(kind, swallow, true);
})();
