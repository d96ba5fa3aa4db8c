// Says when a page first uses what only a drawn page has, or what may outlive its document; and that it is not drawn
// stays unseen. A window that Chromium never opens carries the word: the renderer hears of it, and no page can
// keep it from that or say it itself.
(() => {
  const { open, Reflect: { apply, construct } } = self, { defineProperty, getOwnPropertyDescriptor } = Object;

  const watch = (word, ...functions) => {
    let told = false;
    const restore = [];
    const tell = () => {
      if (told) return;
      told = true;
      // First of all, and with nothing on the way that a page could have replaced.
      apply(open, self, [`about:blank#TOKEN-${word}`]);
      for (let n = 0; n < restore.length; n++) restore[n]();
    };
    for (const [owner, name, part = 'value'] of functions) {
      const descriptor = owner && getOwnPropertyDescriptor(owner, name), native = descriptor?.[part];
      if (!native || !descriptor.configurable) continue;
      // A Proxy of a function of the browser's still says that it is one.
      const watched = new Proxy(native, {
        apply: (native, self, given) => { tell(); return apply(native, self, given); },
        construct: (native, given, target) => {
          tell();
          return construct(native, given, target === watched ? native : target);
        },
      });
      defineProperty(owner, name, { ...descriptor, [part]: watched });
      restore.push(() => {
        if (getOwnPropertyDescriptor(owner, name)?.[part] === watched) defineProperty(owner, name, descriptor);
      });
    }
  };
  // To name an interface is to make Chromium build it, so that there are no more of them here than needed.
  const { Document, Element, Navigator } = self;
  const of = (owner, part, ...names) => names.map(name => [owner, name, part]);
  watch('frames', ...of(self, 'value', 'requestAnimationFrame', 'requestIdleCallback'),
    ...of(self.IntersectionObserver?.prototype, 'value', 'observe'),
    ...of(self.ResizeObserver?.prototype, 'value', 'observe'),
    ...of(Element.prototype, 'value', 'animate'), ...of(Document.prototype, 'value', 'startViewTransition'));
  watch('lasting', ...of(self, 'value', 'Worker', 'SharedWorker', 'WebSocket', 'webkitRequestFileSystem'),
    ...of(self, 'get', 'localStorage', 'sessionStorage', 'indexedDB', 'caches', 'cookieStore', 'sharedStorage'),
    ...of(self, 'set', 'name'), ...of(Document.prototype, 'set', 'cookie'),
    ...of(Navigator?.prototype, 'get', 'serviceWorker', 'storage', 'storageBuckets', 'locks'));

  for (const [name, shown] of Object.entries({
    hidden: false, visibilityState: 'visible', webkitHidden: false, webkitVisibilityState: 'visible',
  })) {
    const descriptor = getOwnPropertyDescriptor(Document.prototype, name);
    if (!descriptor?.get) continue;
    const get = new Proxy(descriptor.get, { apply: (native, self) => { apply(native, self, []); return shown; } });
    defineProperty(Document.prototype, name, { ...descriptor, get });
  }
  for (const kind of ['visibilitychange', 'webkitvisibilitychange', 'freeze', 'resume']) {
    self.addEventListener(kind, event => { if (event.isTrusted) event.stopImmediatePropagation(); }, true);
  }
})();
